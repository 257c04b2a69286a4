// Run by mongosh --nodb, once at each `up`: makes the replica set of one and the application's user. Repeatable.
const { readFileSync } = require("fs");
const secret = (name) => readFileSync(`/run/secrets/${name}`, "utf8").trim();
const address = (options) =>
  `mongodb://root:${encodeURIComponent(secret("mongodb_root_password"))}@mongodb:27017/admin?${options}`;

const admin = new Mongo(address("directConnection=true")).getDB("admin");
try {
  admin.adminCommand({ replSetGetStatus: 1 });
} catch (error) {
  if (error.codeName !== "NotYetInitialized") throw error;
  admin.adminCommand({ replSetInitiate: { _id: "rs0", members: [{ _id: 0, host: "mongodb:27017" }] } });
}
while (!admin.hello().isWritablePrimary) sleep(200);

const user = {
  pwd: secret("mongodb_password"),
  roles: [{ role: "dbOwner", db: "medisecure" }],
};
if (admin.getUser("medisecure")) admin.updateUser("medisecure", user);
else admin.createUser({ user: "medisecure", ...user });
print("MongoDB is ready");
