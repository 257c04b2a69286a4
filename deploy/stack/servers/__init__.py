"""The servers of the stack, in the order in which they are shown."""

from __future__ import annotations

from deploy.stack.servers.base import Context, Server
from deploy.stack.servers.clamav import ClamAV
from deploy.stack.servers.haproxy import HAProxy
from deploy.stack.servers.mail import Mail
from deploy.stack.servers.mariadb import MariaDB
from deploy.stack.servers.mongodb import MongoDB
from deploy.stack.servers.postgresql import PostgreSQL
from deploy.stack.servers.rabbitmq import RabbitMQ
from deploy.stack.servers.redis import Redis
from deploy.stack.servers.s3 import S3

SERVERS: dict[str, type[Server]] = {
    server.name: server for server in (PostgreSQL, MongoDB, MariaDB, S3, RabbitMQ, Redis, Mail, ClamAV, HAProxy)
}
# HAProxy is started by `bin/stack haproxy`, when the application servers it is to watch exist.
STARTED_BY_UP = tuple(name for name in SERVERS if name != "haproxy")
# Reserved for application servers that tests start.
APP_PORTS = ("app1", "app2", "app3")

__all__ = ["APP_PORTS", "SERVERS", "STARTED_BY_UP", "Context", "Server"]
