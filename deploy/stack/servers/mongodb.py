"""MongoDB's protocol: SecantusDB, a replica set of one over WiredTiger, with users and passwords.

What it cannot show is written in docs: no second node, no text indexes, and timings that say nothing of MongoDB.
"""

from __future__ import annotations

import signal
import time

from deploy.stack import process, wire
from deploy.stack.process import Launch
from deploy.stack.programs import SECANTUSD
from deploy.stack.servers.base import DATABASE, USER, Server

ROLES = ("readWriteAnyDatabase", "dbAdminAnyDatabase", "clusterMonitor")
REPLICA_SET = "secantus"


class MongoDB(Server):
    """A server of MongoDB's wire protocol."""

    name = "mongodb"
    title = "MongoDB"
    port_names = ("mongodb",)
    secret_names = ("mongodb",)
    needs = (SECANTUSD,)

    def _launch(self, *options: str) -> Launch:
        argv = (
            *(self.program(SECANTUSD), "--config", "secantus.toml", "--host", self.host, "--port", str(self.port)),
            *("--storage-path", "data", "--cache-size", "128M", "--sync-on-commit", "--log-level", "WARNING"),
        )
        return Launch(self.name, (*argv, *options), self.folder)

    def prepare(self) -> None:
        """Create the user: it can only be done on a server that does not ask for one yet."""
        # An own, empty configuration: otherwise one of the home folder or of /etc would be read.
        self.write("secantus.toml", "")
        child = process.spawn(self._launch(), self.log(), self.context.marker)
        record = process.identify(child.pid)
        try:
            self._create_user(time.monotonic() + self.start_limit, child.poll)
        finally:
            process.stop(record, (signal.SIGTERM,), self.stop_limit)
            child.wait(timeout=self.stop_limit)

    def _create_user(self, deadline: float, ended: object) -> None:
        roles = [{"role": role, "db": "admin"} for role in ROLES]
        while True:
            try:
                wire.mongodb(self.host, self.port, {"hello": 1})
                break
            except wire.NotReady:
                if time.monotonic() > deadline or (callable(ended) and ended() is not None):
                    raise
                time.sleep(0.05)
        wire.mongodb(self.host, self.port, {"createUser": USER, "pwd": self.password, "roles": roles})

    def launches(self) -> list[Launch]:
        """One process, which asks for a user."""
        return [self._launch("--auth")]

    def probe(self) -> str:
        """Say hello and be told that it is the primary."""
        answer = wire.mongodb(self.host, self.port, {"hello": 1})
        if not answer.get("isWritablePrimary"):
            raise wire.NotReady("it is not the primary yet")
        return str(wire.mongodb(self.host, self.port, {"buildInfo": 1}).get("version", "?"))

    def variables(self) -> dict[str, str]:
        """APPOINTMENTS_URL."""
        query = {"authSource": "admin", "replicaSet": REPLICA_SET, "retryWrites": "false"}
        return {"APPOINTMENTS_URL": self.url("mongodb", path=DATABASE, query=query)}
