"""Reading a bundle as a stream: one entry in memory at a time, from plain or gzipped JSON."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, cast

import ijson

from medisecure.ops.fhir.values import BadResource

Tick = Callable[[int], None]
SUFFIXES: Final = (".json", ".json.gz")


class BundleRefused(Exception):
    """A file of which nothing was taken. `index` counts entries from 0; -1 when no entry is at fault."""

    def __init__(self, path: Path, reason: str, *, index: int = -1, full_url: str = "") -> None:
        self.path, self.reason, self.index, self.full_url = path, reason, index, full_url
        place = f"entry {index}" + (f" ({full_url})" if full_url else "") if index >= 0 else ""
        super().__init__(": ".join(part for part in (str(path), place, reason) if part))


@dataclass(frozen=True, slots=True)
class Entry:
    index: int
    full_url: str
    kind: str
    source_id: str
    resource: Mapping[str, Any]


def find_bundles(paths: list[Path]) -> list[Path]:
    """The files to read: those named, and those below folders, in order of name. Raises FileNotFoundError."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(item for item in path.rglob("*") if item.is_file() and item.name.endswith(SUFFIXES))
            found |= dict.fromkeys(inside)
        elif path.is_file():
            found[path] = None
        else:
            raise FileNotFoundError(path)
    return list(found)


class _Counted(io.RawIOBase):
    """Tells how many bytes of the file have been read, for the progress bar."""

    def __init__(self, raw: IO[bytes], tick: Tick) -> None:
        self._raw, self._tick = raw, tick

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = self._raw.read(len(buffer))
        buffer[: len(chunk)] = chunk
        self._tick(len(chunk))
        return len(chunk)


def _open(raw: IO[bytes], path: Path, tick: Tick) -> IO[bytes]:
    counted = io.BufferedReader(_Counted(raw, tick), 64 * 1024)
    # By the bytes and not by the name: a file may have lost its suffix.
    gzipped = counted.peek(2)[:2] == b"\x1f\x8b"
    return cast(IO[bytes], gzip.open(counted)) if gzipped else counted


def entries(path: Path, tick: Tick = lambda size: None) -> Iterator[Entry]:
    """The bundle's entries in order. Raises `BundleRefused` where the file, its JSON or an entry is broken."""
    index = -1
    try:
        with path.open("rb") as raw, _open(raw, path, lambda size: None) as stream:
            _check_bundle(path, stream)
        with path.open("rb") as raw, _open(raw, path, tick) as stream:
            for index, item in enumerate(ijson.items(stream, "entry.item")):
                yield _entry(path, index, item)
    except ijson.JSONError as error:
        # The parser quotes what it stumbled on after the first line: that may be a person's data.
        first = str(error).splitlines()[0] if str(error) else "not JSON"
        raise BundleRefused(path, f"is not valid JSON after entry {index}: {first}") from None
    except UnicodeDecodeError:
        raise BundleRefused(path, f"is not UTF-8 after entry {index}") from None
    except EOFError:
        raise BundleRefused(path, f"the gzip file ends too early, after entry {index}") from None
    except (gzip.BadGzipFile, zlib.error):
        raise BundleRefused(path, f"the gzip file is damaged, after entry {index}") from None
    except OSError as error:
        raise BundleRefused(path, f"cannot be read: {error.strerror or type(error).__name__}") from None


def _check_bundle(path: Path, stream: IO[bytes]) -> None:
    """It is a Bundle, and its `entry` is a list: read until both are known, usually the first bytes."""
    kind = shape = ""
    for prefix, event, value in ijson.parse(stream):
        if prefix == "" and event not in ("start_map", "map_key", "end_map"):
            raise BundleRefused(path, "is not a JSON object")
        if prefix == "resourceType":
            kind = str(value)
            if kind != "Bundle":
                raise BundleRefused(path, "is not a FHIR Bundle")
        elif prefix == "entry":
            shape = shape or event
            if shape != "start_array":
                raise BundleRefused(path, "Bundle.entry must be a list")
        if kind and shape:
            return
    if not kind:
        raise BundleRefused(path, "is not a FHIR Bundle: it has no resourceType")


def _entry(path: Path, index: int, item: Any) -> Entry:
    full_url = item.get("fullUrl") if isinstance(item, Mapping) else None
    url = full_url if isinstance(full_url, str) else ""

    def refused(reason: str) -> BundleRefused:
        return BundleRefused(path, reason, index=index, full_url=url)

    if not isinstance(item, Mapping):
        raise refused("must be an object")
    resource = item.get("resource")
    if not isinstance(resource, Mapping):
        raise refused("has no resource")
    kind = resource.get("resourceType")
    if not isinstance(kind, str) or not kind:
        raise refused("its resource has no resourceType")
    source_id = resource.get("id")
    if source_id is None:
        # R4 §2.36.4: a new resource in a transaction is known by its fullUrl until the server gives it an id.
        source_id = url.removeprefix("urn:uuid:")
    if not isinstance(source_id, str) or not source_id or len(source_id) > 190:
        raise refused(f"{kind} has no id, and no fullUrl to know it by")
    return Entry(index, url, kind, source_id, resource)


def refuse(path: Path, entry: Entry, error: BadResource) -> BundleRefused:
    return BundleRefused(path, str(error), index=entry.index, full_url=entry.full_url)
