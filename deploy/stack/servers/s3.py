"""S3: SeaweedFS in one process, with signed requests checked and the project's two buckets made."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from deploy.stack import wire
from deploy.stack.process import Launch
from deploy.stack.programs import WEED
from deploy.stack.servers.base import Server

BUCKETS = ("medisecure-documents", "medisecure-images")
REGION = "eu-west-3"
KEY = "medisecure"
SOCKETS = Path(os.sep) / "tmp"
PARTS = ("master", "volume", "filer", "admin")


class S3(Server):
    """An S3 server."""

    name = "s3"
    title = "S3"
    # It would bind each gRPC port at the HTTP port + 10000, outside our block: each is named.
    port_names = (
        *("s3", "s3_grpc", "s3_master", "s3_master_grpc", "s3_volume", "s3_volume_grpc"),
        *("s3_filer", "s3_filer_grpc", "s3_admin", "s3_admin_grpc", "s3_metrics"),
    )
    secret_names = ("s3",)
    needs = (WEED,)

    def prepare(self) -> None:
        """Write the one identity."""
        credentials = [{"accessKey": KEY, "secretKey": self.password}]
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        identities = [{"name": KEY, "credentials": credentials, "actions": actions}]
        self.write("s3.json", json.dumps({"identities": identities}))

    def launches(self) -> list[Launch]:
        """One process holds master, volume, filer and the S3 gateway; all bound to the loopback interface."""
        ports = self.context.ports
        options = {
            "dir": "data",
            "ip": self.host,
            "ip.bind": self.host,
            "bucket": ",".join(BUCKETS),
            **{f"{part}.port": ports[f"s3_{part}"] for part in PARTS},
            **{f"{part}.port.grpc": ports[f"s3_{part}_grpc"] for part in PARTS},
            "s3.port": ports["s3"],
            "s3.port.grpc": ports["s3_grpc"],
            "s3.config": "s3.json",
            # Relative to the working folder: an absolute name may be longer than a socket's name can be.
            "s3.localSocket": "s3.sock",
            "filer.localSocket": "filer.sock",
            "metricsPort": ports["s3_metrics"],
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "webdav": "false",
            "admin.ui": "false",
            "master.telemetry": "false",
            "volume.preStopSeconds": 0,
        }
        arguments = (f"-{name}={value}" for name, value in options.items())
        return [Launch(self.name, (self.program(WEED), "mini", *arguments), self.folder)]

    def probe(self) -> str:
        """Both buckets answer to a signed request; one that is absent is made."""
        software = ""
        for bucket in BUCKETS:
            status, software = self._request("HEAD", f"/{bucket}")
            if status == 404:
                status, software = self._request("PUT", f"/{bucket}")
            if status != 200:
                raise wire.NotReady(f"bucket {bucket}: {status}")
        found = re.search(r"(\d+\.\d+)\s*$", software)
        return found.group(1) if found else software or "?"

    def _request(self, method: str, path: str) -> tuple[int, str]:
        return wire.s3(self.host, self.port, method, path, KEY, self.password, REGION)

    def variables(self) -> dict[str, str]:
        """S3_URL."""
        return {"S3_URL": self.url("http", user=KEY, query={"region": REGION})}

    def outside(self) -> list[str]:
        """Its gRPC sockets: the program has their folder built in, whatever TMPDIR says, and a SIGKILL leaves them."""
        own = {part: self.context.ports[f"s3_{part}_grpc"] for part in PARTS} | {"s3": self.context.ports["s3_grpc"]}
        return [str(SOCKETS / f"seaweedfs-{part}-grpc-{port}.sock") for part, port in own.items()]
