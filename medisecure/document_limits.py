"""How large documents may be, how long unfinished ones are kept, who looks for malware, what an image may cost."""

from __future__ import annotations

from typing import NamedTuple

from medisecure.env import Env, Url


class Limits(NamedTuple):
    """`max_bytes` of a file that is added in parts; `hours` for which an unfinished one is kept; `clamav`: where clamd
    listens, (host, port) or the path of its socket, None when nothing is scanned; `serve_unscanned`: whether documents
    that no scanner has seen are handed out."""

    max_bytes: int
    hours: int
    clamav: tuple[str, int] | str | None
    serve_unscanned: bool


def document_limits(env: Env) -> Limits:
    url = env.url("CLAMAV_URL", ("tcp", "unix"), host=False)
    if url and not (url.parts.path if url.scheme == "unix" else url.host):
        env.refuse("CLAMAV_URL", "must be tcp://host[:port] or unix:///path")
    return Limits(
        max_bytes=env.integer("UPLOAD_MAX_MB", 2048, low=1, high=5000) * 1024 * 1024,
        hours=env.integer("UPLOAD_HOURS", 48, low=1, high=720),
        clamav=_clamav(url) if url else None,
        serve_unscanned=env.choice("UNSCANNED_DOCUMENTS", "serve", ("serve", "withhold")) == "serve",
    )


def _clamav(url: Url) -> tuple[str, int] | str:
    return url.parts.path if url.scheme == "unix" else (url.host, url.port or 3310)


class ImagingLimits(NamedTuple):
    """`recompress`: whether images are stored smaller, without loss, once it is proved that nothing is lost. `seconds`
    and `memory` (bytes): what drawing one image may cost, in a process of its own."""

    recompress: bool
    seconds: int
    memory: int


def imaging_limits(env: Env) -> ImagingLimits:
    return ImagingLimits(
        recompress=env.boolean("IMAGES_RECOMPRESS", True),
        # Three such steps fit into the time of a task.
        seconds=env.integer("IMAGING_SECONDS", 120, low=5, high=160),
        memory=env.integer("IMAGING_MEMORY_MB", 1536, low=256, high=65536) * 1024 * 1024,
    )
