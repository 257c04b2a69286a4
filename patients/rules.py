"""What is allowed and how things are written, without Django: every rule here can be read and tested by itself."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from stdnum.iso7064 import mod_11_2

# --- Who may see what -------------------------------------------------------------------------------------------------
#: A practitioner sees a patient from so long before an appointment or encounter starts …
CARE_BEFORE: Final = timedelta(days=30)
#: … until so long after it has ended: results come in, letters are written.
CARE_AFTER: Final = timedelta(days=90)

#: Names of `medisecure.accounts.roles.Role`; plain text here, so that the rules need no framework.
CARE_ROLES: Final = frozenset({"doctor", "nurse"})
IDENTITY_ROLES: Final = ("receptionist", "administrator", "billing_clerk", "privacy_officer")

SELF: Final = "self"
CARE_RELATION: Final = "care-relation"


def care_window(now: datetime) -> tuple[datetime, datetime]:
    """(earliest end, latest start) of an appointment or encounter that opens the record at `now`."""
    return now - CARE_AFTER, now + CARE_BEFORE


def in_care(starts_at: datetime, ends_at: datetime, now: datetime) -> bool:
    earliest_end, latest_start = care_window(now)
    return starts_at <= latest_start and ends_at >= earliest_end


def record_right(roles: Set[str], *, is_self: bool, cares: bool) -> str | None:
    """The right by which someone with these roles reads the clinical record, or None.

    `cares`: an appointment or encounter of theirs with the patient is in the window.
    """
    if is_self:
        return SELF
    if cares and not CARE_ROLES.isdisjoint(roles):
        return CARE_RELATION
    return None


def identity_right(roles: Set[str], *, is_self: bool, cares: bool) -> str | None:
    """The right by which someone reads who the patient is and how to reach them, or None.

    Whoever may read the record may; reception, billing, administration and the privacy officer see everyone's identity.
    """
    return record_right(roles, is_self=is_self, cares=cares) or everyones_identity_right(roles)


def everyones_identity_right(roles: Set[str]) -> str | None:
    """The right to the identity of all patients, by role alone: `role:<name>`."""
    return next((f"role:{role}" for role in IDENTITY_ROLES if role in roles), None)


# --- Record numbers ---------------------------------------------------------------------------------------------------
_NUMBER = re.compile(r"P\d{8}[\dX]")
LAST_RECORD_NUMBER: Final = 99_999_999


def record_number(sequence: int) -> str:
    """`P`, eight digits and a check character of ISO 7064 MOD 11-2 (0–9 or X), which finds every single wrong digit and
    every swap of two neighbours. Raises ValueError outside 1 … 99 999 999."""
    if not 1 <= sequence <= LAST_RECORD_NUMBER:
        raise ValueError("record number out of range")
    digits = f"{sequence:08d}"
    return f"P{digits}{mod_11_2.calc_check_digit(digits)}"


def clean_record_number(text: str) -> str:
    """As stored: capital letters, no blanks, dots or hyphens."""
    return re.sub(r"[\s.\-]", "", text).upper()


def is_record_number(text: str) -> bool:
    return bool(_NUMBER.fullmatch(text)) and bool(mod_11_2.is_valid(text[1:]))


# --- Names ------------------------------------------------------------------------------------------------------------
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


def _fold(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold().translate(_PLAIN))
    # Twice: casefold of some decomposed letters gives capitals' forms again (Unicode §5.18, caseless matching).
    folded = unicodedata.normalize("NFKD", decomposed.casefold()).translate(_PLAIN)
    return "".join(char for char in folded if unicodedata.category(char) != "Mn")


def words(text: str) -> list[str]:
    """The words of a name as they are searched: no case, no accents; apostrophes and hyphens separate words.

    "Élodie O'Brien-Núñez" → ["elodie", "o", "brien", "nunez"].
    """
    return re.sub(r"[^\w\u0900-\u0DFF]|_", " ", _fold(text)).split()


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


# --- Search -----------------------------------------------------------------------------------------------------------
SHORTEST_SEARCH: Final = 2
LONGEST_SEARCH: Final = 100
MOST_WORDS: Final = 8

_DATES: Final = (
    re.compile(r"(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})"),
    re.compile(r"(?P<d>\d{1,2})[-/.](?P<m>\d{1,2})[-/.](?P<y>\d{4})"),
    re.compile(r"(?P<d>\d{2})(?P<m>\d{2})(?P<y>\d{4})"),
    re.compile(r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})"),
)


@dataclass(frozen=True, slots=True)
class Search:
    """What a person typed into the search box: all of it must be true of a patient that is found."""

    words: tuple[str, ...] = ()
    #: The dates that one token may mean: day first as in Europe, or year first as in ISO 8601.
    birth_dates: tuple[date, ...] = ()
    record_number: str = ""

    @property
    def empty(self) -> bool:
        return not (self.words or self.birth_dates or self.record_number)


def read_dates(token: str) -> tuple[date, ...]:
    """The dates a token may mean: 1980-05-02, 02/05/1980, 2.5.1980, 02051980, 19800502. Empty when it is none."""
    found: dict[date, None] = {}
    for pattern in _DATES:
        if match := pattern.fullmatch(token):
            try:
                found[date(int(match["y"]), int(match["m"]), int(match["d"]))] = None
            except ValueError:
                continue
    return tuple(day for day in found if day.year >= 1850)


def read_search(text: str) -> Search:
    """Take a search apart. The caller has checked its length."""
    whole = clean_record_number(text)
    if is_record_number(whole):
        return Search(record_number=whole)
    found: list[str] = []
    dates: tuple[date, ...] = ()
    number = ""
    for token in text.split():
        if is_record_number(clean_record_number(token)):
            number = clean_record_number(token)
        elif not dates and (read := read_dates(token)):
            dates = read
        else:
            found += words(token)
    return Search(tuple(dict.fromkeys(found))[:MOST_WORDS], dates, number)


# --- Dates of a life --------------------------------------------------------------------------------------------------
OLDEST_BIRTH: Final = date(1850, 1, 1)


def possible_birth(birth: date, today: date) -> bool:
    return OLDEST_BIRTH <= birth <= today


def age(birth: date, on: date) -> int:
    """Full years. Someone born on 29 February has their birthday on 1 March of other years (French civil code)."""
    return on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day))


# --- Units ------------------------------------------------------------------------------------------------------------
#: Those whose code in UCUM is not what people write.
UNITS: Final = {
    "Cel": "°C",
    "[degF]": "°F",
    "mm[Hg]": "mmHg",
    "kg/m2": "kg/m²",
    "10*3/uL": "10³/µL",
    "10*6/uL": "10⁶/µL",
}


def written_unit(code: str) -> str:
    """A UCUM code as people write the unit. What is counted stands in braces, {score}, and is no unit."""
    return "" if code.startswith("{") else UNITS.get(code, code)
