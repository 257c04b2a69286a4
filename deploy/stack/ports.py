"""Free loopback ports, in one block, so that two stacks never meet.

Ports picked one at a time are lost between the pick and the moment the server binds (RabbitMQ takes ten seconds).
A block is safer: while `up` runs it is claimed by an abstract Unix socket (which leaves no file), and afterwards the
servers bound inside it make the whole block unusable for the next `up`.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

HOST = "127.0.0.1"
# Below Linux's usual range for outgoing connections (32768 and up), above the well-known servers.
FIRST, LAST, BLOCK = 20000, 31999, 40


class NoFreePorts(Exception):
    """No block of ports is free on the loopback interface."""


def is_free(port: int) -> bool:
    """True when nothing is bound to `port` on the loopback interface (or on all interfaces)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def blocks() -> list[int]:
    """First ports of all blocks, in ascending order."""
    return list(range(FIRST, LAST - BLOCK + 2, BLOCK))


def _claim(base: int) -> socket.socket | None:
    """Hold `base` against other starts on this machine; None when another start holds it."""
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        claim.bind(f"\0medisecure-stack-{base}")
    except OSError:
        claim.close()
        return None
    return claim


@contextmanager
def free_block(order: Sequence[int] | None = None) -> Iterator[int]:
    """Yield the first port of a block that is free and stays claimed inside the `with`.

    `order` is the order in which blocks are tried (for tests); random otherwise, so that starts spread out.
    Raises NoFreePorts.
    """
    candidates = list(order) if order is not None else random.sample(blocks(), len(blocks()))
    for base in candidates:
        claim = _claim(base)
        if claim is None:
            continue
        with claim:
            if all(is_free(port) for port in range(base, base + BLOCK)):
                yield base
                return
    raise NoFreePorts(f"no {BLOCK} free ports in a row between {FIRST} and {LAST} on {HOST}")


def assign(base: int, names: Sequence[str]) -> dict[str, int]:
    """Give each name a port of the block, in order. Raises ValueError for a repeated name or one too many."""
    if len(set(names)) != len(names):
        raise ValueError("a port name is repeated")
    if len(names) > BLOCK:
        raise ValueError(f"{len(names)} ports asked of a block of {BLOCK}")
    return {name: base + offset for offset, name in enumerate(names)}
