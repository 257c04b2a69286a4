"""The embedded cache does not grow without end, though it does not count its files at every write."""

from __future__ import annotations

from pathlib import Path

from medisecure.kernel.file_cache import FileCache


def test_folder_stays_within_its_bound(tmp_path: Path) -> None:
    cache = FileCache(str(tmp_path), {"OPTIONS": {"MAX_ENTRIES": 50}})
    for number in range(4 * FileCache.EVERY):
        cache.set(str(number), number, 60)
    assert cache.get(str(4 * FileCache.EVERY - 1)) is not None or len(list(tmp_path.iterdir())) < 50
    assert len(list(tmp_path.iterdir())) <= 50 + FileCache.EVERY
