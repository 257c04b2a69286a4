"""Compiles the translation catalogues without gettext's tools, which a bare machine does not have."""

from __future__ import annotations

from pathlib import Path

import polib


def compile_catalogues(root: Path) -> int:
    """Make `django.mo` beside each `django.po` that is newer than it. Returns how many were made."""
    made = 0
    for source in sorted(root.glob("*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        polib.pofile(str(source)).save_as_mofile(str(target))
        made += 1
    return made
