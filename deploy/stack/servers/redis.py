"""Redis, with a password and an append-only file, so that a restart keeps what a restart of the real one keeps."""

from __future__ import annotations

from deploy.stack import wire
from deploy.stack.process import Launch
from deploy.stack.programs import REDIS_SERVER
from deploy.stack.servers.base import Server

CONFIGURATION = """\
bind {host}
port {port}
requirepass {password}
daemonize no
save ""
appendonly yes
appendfsync everysec
maxmemory 128mb
maxmemory-policy noeviction
"""


class Redis(Server):
    """Redis 6 or later."""

    name = "redis"
    title = "Redis"
    port_names = ("redis",)
    secret_names = ("redis",)
    needs = (REDIS_SERVER,)

    def prepare(self) -> None:
        """Write the configuration."""
        self.write("redis.conf", CONFIGURATION.format(host=self.host, port=self.port, password=self.password))

    def launches(self) -> list[Launch]:
        """One process."""
        return [Launch(self.name, (self.program(REDIS_SERVER), "redis.conf"), self.folder)]

    def probe(self) -> str:
        """Sign in and PING."""
        return wire.redis(self.host, self.port, self.password)

    def variables(self) -> dict[str, str]:
        """REDIS_URL."""
        return {"REDIS_URL": self.url("redis", user="", path="0")}
