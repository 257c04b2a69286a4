"""RabbitMQ beside a machine-wide one: own node name, own port mapper (epmd), own data, own plugins, own cookie."""

from __future__ import annotations

from deploy.stack import wire
from deploy.stack.process import Launch
from deploy.stack.programs import EPMD, RABBITMQ_SERVER
from deploy.stack.servers.base import USER, Server

VHOST = "medisecure"

CONFIGURATION = """\
listeners.tcp.local = {host}:{port}
default_user = {user}
default_pass = {password}
default_vhost = {vhost}
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 100MB
cluster_partition_handling = ignore
log.console = true
log.console.level = warning
log.file = false
"""


class RabbitMQ(Server):
    """RabbitMQ 3.8 or later."""

    name = "rabbitmq"
    title = "RabbitMQ"
    port_names = ("rabbitmq", "rabbitmq_epmd", "rabbitmq_distribution")
    secret_names = ("rabbitmq", "rabbitmq_cookie")
    needs = (RABBITMQ_SERVER, EPMD)
    start_limit = 120.0
    stop_limit = 30.0

    def prepare(self) -> None:
        """Write configuration, plugins (none) and the Erlang cookie."""
        values = {"host": self.host, "port": self.port, "user": USER, "password": self.password, "vhost": VHOST}
        self.write("rabbitmq.conf", CONFIGURATION.format(**values))
        self.write("enabled_plugins", "[].\n")
        self.write("advanced.config", "[].\n")
        # Our own file in the place of /etc/rabbitmq/rabbitmq-env.conf, which names the machine-wide node.
        self.write("rabbitmq-env.conf", "")
        self.write(".erlang.cookie", self.context.secrets["rabbitmq_cookie"]).chmod(0o400)

    def node_environment(self) -> dict[str, str]:
        """What both the server and `rabbitmqctl` need to mean this node and no other."""
        host, ports, folder = self.host, self.context.ports, self.folder
        interface = "{" + host.replace(".", ",") + "}"
        return {
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(ports["rabbitmq_epmd"]),
            "ERL_EPMD_ADDRESS": host,
            "RABBITMQ_NODENAME": f"medisecure-{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": host,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(ports["rabbitmq_distribution"]),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "rabbitmq-env.conf"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONFIG_FILES": str(folder / "conf.d"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
            "RABBITMQ_SCHEMA_DIR": str(folder / "schema"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"-kernel inet_dist_use_interface {interface} +S 1:1",
            "RABBITMQ_CTL_ERL_ARGS": f"-kernel inet_dist_use_interface {interface}",
            "ERL_CRASH_DUMP_SECONDS": "0",
        }

    def launches(self) -> list[Launch]:
        """The port mapper first, in the foreground: left to Erlang, it would be a daemon nobody can find."""
        env = self.node_environment()
        mapper = (self.program(EPMD), "-address", self.host, "-port", env["ERL_EPMD_PORT"])
        return [
            Launch(f"{self.name}-epmd", mapper, self.folder, env),
            Launch(self.name, (self.program(RABBITMQ_SERVER),), self.folder, env),
        ]

    def probe(self) -> str:
        """Sign in over AMQP and open the virtual host."""
        return wire.amqp(self.host, self.port, USER, self.password, VHOST)

    def variables(self) -> dict[str, str]:
        """BROKER_URL."""
        return {"BROKER_URL": self.url("amqp", path=VHOST)}
