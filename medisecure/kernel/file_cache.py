"""The cache of the embedded hospital: files in a folder, shared by all its processes."""

from __future__ import annotations

from typing import Any, Final

from django.core.cache.backends.filebased import FileBasedCache


class FileCache(FileBasedCache):
    """Counts the files in its folder at one write in so many: Django's own does at each, which costs more than writing.
    The folder holds at most that many more than `MAX_ENTRIES`, for each process and thread that writes."""

    EVERY: Final = 64

    def __init__(self, host: str, params: dict[str, Any]) -> None:
        super().__init__(host, params)
        self._writes = 0

    def _cull(self) -> None:
        self._writes += 1
        if self._writes % self.EVERY == 0:
            super()._cull()  # type: ignore[misc]  # the stubs leave it out
