"""HAProxy with the project's own `deploy/haproxy/haproxy.cfg`, before application servers that others start."""

from __future__ import annotations

import re

from deploy.stack import wire
from deploy.stack.process import Launch
from deploy.stack.programs import HAPROXY, OPENSSL, ROOT
from deploy.stack.servers.base import Server

CONFIGURATION = ROOT / "deploy" / "haproxy" / "haproxy.cfg"


class HAProxy(Server):
    """HAProxy 2.6 or later. Its options: `apps` (ports), `signin_limit`, `storage` (is S3 there?)."""

    name = "haproxy"
    title = "HAProxy"
    port_names = ("haproxy_https", "haproxy_http", "haproxy_plain", "haproxy_stats")
    needs = (HAPROXY, OPENSSL)
    stop_limit = 5.0

    def prepare(self) -> None:
        """Make a certificate for `localhost`, good for a month and for nothing else."""
        self.tool(
            *(self.program(OPENSSL), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-days", "30", "-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "ca.pem"),
            *("-addext", f"subjectAltName=DNS:localhost,IP:{self.host}"),
        )
        key, certificate = ((self.folder / name).read_text(encoding="ascii") for name in ("key.pem", "ca.pem"))
        self.write("server.pem", certificate + key)

    def environment(self) -> dict[str, str]:
        """The variables that the configuration reads."""
        ports, host = self.context.ports, self.host
        env = {
            # Relative to the working folder: an absolute name may be longer than a socket's name can be.
            "HAPROXY_ADMIN_SOCKET": "unix@admin.sock",
            "HAPROXY_CERT": str(self.folder / "server.pem"),
            "HAPROXY_HTTPS_BIND": f"{host}:{ports['haproxy_https']}",
            "HAPROXY_HTTP_BIND": f"{host}:{ports['haproxy_http']}",
            "HAPROXY_PLAIN_BIND": f"{host}:{ports['haproxy_plain']}",
            "HAPROXY_STATS_BIND": f"{host}:{ports['haproxy_stats']}",
            "HAPROXY_HOST": "localhost",
            "HAPROXY_PUBLIC_URL": f"https://localhost:{ports['haproxy_https']}",
        }
        if self.context.options.get("storage"):
            env["HAPROXY_STORAGE"] = f"{host}:{ports['s3']}"
        for number, port in enumerate(self.context.options.get("apps", []), start=1):
            env[f"HAPROXY_APP{number}"] = f"{host}:{port}"
        if self.context.options.get("signin_limit"):
            env["HAPROXY_SIGNIN_LIMIT"] = str(self.context.options["signin_limit"])
        return env

    def launches(self) -> list[Launch]:
        """One process in the foreground, after the configuration was found good."""
        argv = (self.program(HAPROXY), "-f", str(CONFIGURATION))
        self.tool(*argv, "-c", env=self.environment())
        return [Launch(self.name, (*argv, "-db"), self.folder, self.environment())]

    def probe(self) -> str:
        """Its own metrics answer, and name its version."""
        body = wire.http_get(self.host, self.context.ports["haproxy_stats"], "/metrics")
        found = re.search(r'haproxy_process_build_info\{version="([0-9.]+)', body)
        return found.group(1) if found else "?"

    def variables(self) -> dict[str, str]:
        """Where it listens, its certificate, its statistics and its socket for draining."""
        ports, host = self.context.ports, self.host
        return {
            "STACK_HTTPS_URL": f"https://localhost:{ports['haproxy_https']}",
            "STACK_HTTP_URL": f"http://localhost:{ports['haproxy_http']}",
            "STACK_PLAIN_URL": f"http://localhost:{ports['haproxy_plain']}",
            "STACK_STATS_URL": f"http://{host}:{ports['haproxy_stats']}",
            "STACK_CA_FILE": str(self.folder / "ca.pem"),
            "STACK_HAPROXY_SOCKET": str(self.folder / "admin.sock"),
        }
