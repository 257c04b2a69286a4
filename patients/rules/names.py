"""Names as they are stored, compared and searched."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

#: Letters that Unicode does not decompose, as people type them without a special keyboard.
_PLAIN: Final = str.maketrans(
    {"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ı": "i"}
)
#: Marks that turn the direction of what follows: in a name they make one person look like another.
_TURNING: Final = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean_text(text: str) -> str:
    """One spelling of the same text: NFC, single blanks, none at the ends."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def has_hidden_characters(text: str) -> bool:
    """True for control characters and marks that turn the direction of writing. Right-to-left letters are fine."""
    return any(char in _TURNING or unicodedata.category(char) in {"Cc", "Cs", "Cn", "Co"} for char in text)


def has_letter(text: str) -> bool:
    return any(char.isalpha() for char in text)


def fold(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold().translate(_PLAIN))
    # Twice: casefold of some decomposed letters gives capitals' forms again (Unicode §5.18, caseless matching).
    folded = unicodedata.normalize("NFKD", decomposed.casefold()).translate(_PLAIN)
    return "".join(char for char in folded if unicodedata.category(char) != "Mn")


def words(text: str) -> list[str]:
    """The words of a name as they are searched: no case, no accents; apostrophes and hyphens separate words.

    "Élodie O'Brien-Núñez" → ["elodie", "o", "brien", "nunez"].
    """
    return re.sub(r"[^\w\u0900-\u0DFF]|_", " ", fold(text)).split()


def search_text(*names: str) -> str:
    """All words of the names, each after a blank, so that a prefix is found as blank + prefix.

    Compound names are kept in one piece too: "obrien" finds O'Brien, and "jeanpierre" Jean-Pierre.
    """
    found: dict[str, None] = {}
    for name in names:
        for chunk in name.split():
            parts = words(chunk)
            found |= dict.fromkeys(parts)
            if len(parts) > 1:
                found["".join(parts)] = None
    return "".join(f" {word}" for word in found)
