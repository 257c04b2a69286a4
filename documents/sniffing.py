"""What a file is, told from its content. The name and the type that were sent prove nothing."""

from __future__ import annotations

import codecs
from typing import Final

import puremagic

from documents.rules import ALLOWED, DICOM, TEXT

#: So many bytes from the beginning are looked at.
HEAD: Final = 64 * 1024

#: The DICOM prefix stands behind a preamble of 128 free bytes, which may look like another type (DICOM PS3.10 §7.1).
_DICOM_AT: Final = 128
_MARKUP: Final = (b"<script", b"<html", b"<svg", b"<!doctype", b"<?xml", b"<iframe", b"<body")
_TEXT_CONTROLS: Final = frozenset("\t\n\r\f")


def content_type(head: bytes) -> str | None:
    """The type of a file that begins with these bytes, one of `ALLOWED`, or None when it is none of them."""
    if head[_DICOM_AT : _DICOM_AT + 4] == b"DICM":
        return DICOM
    return _by_signature(head) or (TEXT if _is_text(head) else None)


def _by_signature(head: bytes) -> str | None:
    try:
        matches = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        return None
    if not matches:
        return None
    # Several types may share a signature (PDF and FDF): one of ours must be among the best.
    best = max(match.confidence for match in matches)
    types = {match.mime_type for match in matches if match.confidence == best}
    return next((name for name in ALLOWED if name in types and name not in (DICOM, TEXT)), None)


def _is_text(head: bytes) -> bool:
    """UTF-8 without control characters, and nothing that a browser could take for markup."""
    try:
        # The head may end in the middle of a character.
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head, final=len(head) < HEAD)
    except UnicodeDecodeError:
        return False
    if any((ord(char) < 32 and char not in _TEXT_CONTROLS) or ord(char) == 127 for char in text):
        return False
    lowered = text.lower().encode()
    return not text.lstrip().startswith("<") and not any(mark in lowered for mark in _MARKUP)
