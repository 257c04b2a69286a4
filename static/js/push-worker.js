// Runs without a page: shows what the hospital sends to this browser, and opens the portal when it is tapped.

self.addEventListener("push", (event) => {
  let said;
  try {
    said = event.data.json();
  } catch {
    said = { title: "MediSecure", body: "", url: "/notices/", tag: "notice" };
  }
  event.waitUntil(
    self.registration.showNotification(said.title, {
      body: said.body,
      tag: said.tag,
      icon: "/static/img/favicon.svg",
      data: { url: said.url },
    }),
  );
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  // Only pages of this portal, whatever was sent.
  const address = new URL(event.notification.data.url, self.location.origin);
  const target = address.origin === self.location.origin ? address.href : self.location.origin;
  event.waitUntil(self.clients.openWindow(target));
});
