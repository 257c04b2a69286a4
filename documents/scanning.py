"""The malware scanner: ClamAV's daemon, to which bytes are streamed (clamd(8), INSTREAM).

A client of our own: those on offer are GPL, or have had no release for ten years, and send 1 KB at a time.
"""

from __future__ import annotations

import logging
import re
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.conf import settings

from documents.models import ScanState

log = logging.getLogger(__name__)

#: Longer than clamd takes for anything of the largest size that is sent to it.
SECONDS: Final = 300.0
CONNECT_SECONDS: Final = 5.0
_FOUND: Final = re.compile(r"stream: (?P<name>.+) FOUND")


class ScannerAway(Exception):
    """It does not answer, or not as it should: asked again later."""


@dataclass(frozen=True, slots=True)
class Verdict:
    state: ScanState
    #: What the scanner calls it.
    finding: str = ""


NOT_SCANNED: Final = Verdict(ScanState.NOT_SCANNED)


def configured() -> bool:
    return settings.CLAMAV is not None


def scan(pieces: Iterable[bytes]) -> Verdict:
    """What the scanner says of these bytes; "not scanned" without one, and for more bytes than it takes. All pieces are
    read in any case. Raises `ScannerAway`, after reading all of them too."""
    if not configured():
        for _piece in pieces:
            pass
        return NOT_SCANNED
    rest = iter(pieces)
    try:
        with _connect() as line:
            answer = _instream(line, rest)
    except OSError as error:
        raise ScannerAway from error
    finally:
        # The caller counts and hashes what passes through.
        for _piece in rest:
            pass
    if found := _FOUND.fullmatch(answer):
        return Verdict(ScanState.INFECTED, found["name"][:100])
    if answer == "stream: OK":
        return Verdict(ScanState.CLEAN)
    if "size limit exceeded" in answer:
        log.warning("a file was not scanned: it is larger than clamd's StreamMaxLength")
        return NOT_SCANNED
    raise ScannerAway


def version() -> str:
    """The scanner's version and that of its signatures. Raises `ScannerAway`."""
    if not configured():
        return ""
    try:
        with _connect() as line:
            line.settimeout(CONNECT_SECONDS)
            line.sendall(b"zVERSION\0")
            answer = _answer(line)
    except OSError as error:
        raise ScannerAway from error
    if not answer.startswith("ClamAV"):
        raise ScannerAway
    return answer.removeprefix("ClamAV ").split("/")[0]


def _connect() -> socket.socket:
    place: tuple[str, int] | str = settings.CLAMAV or ""
    if isinstance(place, str):
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            line.settimeout(CONNECT_SECONDS)
            line.connect(place)
        except OSError:
            line.close()
            raise
    else:
        line = socket.create_connection(place, timeout=CONNECT_SECONDS)
    line.settimeout(SECONDS)
    return line


def _instream(line: socket.socket, pieces: Iterable[bytes]) -> str:
    line.sendall(b"zINSTREAM\0")
    try:
        for piece in pieces:
            if piece:
                line.sendall(struct.pack("!L", len(piece)) + piece)
        line.sendall(struct.pack("!L", 0))
    except OSError:
        # It hangs up on a stream that is too long, and says so first.
        answer = _answer(line)
        if answer:
            return answer
        raise
    return _answer(line)


def _answer(line: socket.socket) -> str:
    found = b""
    while piece := line.recv(4096):
        found += piece
        if found.endswith(b"\0"):
            break
    return found.rstrip(b"\0\n").decode("utf-8", "replace").strip()
