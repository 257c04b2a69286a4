"""ClamAV's daemon with one signature: that of the EICAR test file, which every scanner takes for malware by agreement.

No database of signatures is fetched: what is proved is how the application and the scanner speak with each other.
"""

from __future__ import annotations

from deploy.stack import wire
from deploy.stack.process import Launch
from deploy.stack.programs import CLAMD
from deploy.stack.servers.base import Server

#: In two halves, so that no scanner takes this file for the test file.
EICAR = r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR" + "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


class ClamAV(Server):
    """The malware scanner."""

    name = "clamav"
    title = "ClamAV"
    port_names = ("clamav",)
    needs = (CLAMD,)

    def prepare(self) -> None:
        """Write the configuration and the one signature."""
        signatures = self.folder / "signatures"
        signatures.mkdir()
        self.write("signatures/eicar.ndb", f"Eicar-Test-Signature:0:0:{EICAR.encode().hex()}\n")
        options = {
            "TCPSocket": self.port,
            "TCPAddr": self.host,
            "DatabaseDirectory": signatures,
            "TemporaryDirectory": self.folder,
            "Foreground": "yes",
            "MaxThreads": 4,
            "StreamMaxLength": "64M",
            "MaxScanSize": "64M",
            "MaxFileSize": "64M",
            "SelfCheck": 86400,
        }
        self.write("clamd.conf", "".join(f"{name} {value}\n" for name, value in options.items()))

    def launches(self) -> list[Launch]:
        """One process."""
        return [Launch(self.name, (self.program(CLAMD), "-c", "clamd.conf"), self.folder)]

    def probe(self) -> str:
        """Its version, once the signature is loaded."""
        return wire.clamd(self.host, self.port)

    def variables(self) -> dict[str, str]:
        """CLAMAV_URL."""
        return {"CLAMAV_URL": f"tcp://{self.host}:{self.port}"}
