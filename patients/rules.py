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


# --- Telephone numbers ------------------------------------------------------------------------------------------------
#: ITU-T E.164: no number is longer.
LONGEST_PHONE: Final = 15


def phone_key(text: str) -> str:
    """The digits of a telephone number, the same for each spelling: French ones in national form, others with their
    country code. At most LONGEST_PHONE digits; "" when there are none.

    "+33 (0)6 39 98 00 01", "0033639980001" and "06.39.98.00.01" → "0639980001"; "+44 20 7946 0000" → "442079460000".
    """
    plain = unicodedata.normalize("NFKC", text).replace("(0)", "")
    digits = "".join(str(unicodedata.decimal(char)) for char in plain if char.isdecimal())
    international = plain.strip().startswith("+")
    if not international and digits.startswith("00"):
        digits, international = digits[2:], True
    if international and digits.startswith("33"):
        digits = f"0{digits[2:]}"
    return digits[:LONGEST_PHONE]


# --- Search -----------------------------------------------------------------------------------------------------------
SHORTEST_SEARCH: Final = 2
LONGEST_SEARCH: Final = 100
MOST_WORDS: Final = 8
#: Fewer digits are no telephone number, nor enough of one.
SHORTEST_PHONE: Final = 6
#: Nobody reads further down a list of people: who is not among so many has to be asked for more precisely.
MOST_FOUND: Final = 200
#: With fewer hits than this, names that look alike are added below them.
SIMILAR_BELOW: Final = 10

_DATES: Final = (
    re.compile(r"(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})"),
    re.compile(r"(?P<d>\d{1,2})[-/.](?P<m>\d{1,2})[-/.](?P<y>\d{4})"),
    re.compile(r"(?P<d>\d{2})(?P<m>\d{2})(?P<y>\d{4})"),
    re.compile(r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})"),
)
#: Words of months as `words` writes them, French and English, and their usual short forms.
_MONTHS: Final = {
    word: number
    for number, spellings in enumerate(
        (
            "janvier january janv jan",
            "fevrier february fev fevr feb",
            "mars march mar",
            "avril april avr apr",
            "mai may",
            "juin june jun",
            "juillet july juil jul",
            "aout august aug",
            "septembre september sept sep",
            "octobre october oct",
            "novembre november nov",
            "decembre december dec",
        ),
        start=1,
    )
    for word in spellings.split()
}
_NUMBERISH: Final = re.compile(r"\+?[\d().\-/]*\d[\d().\-/]*|\+\d+")


@dataclass(frozen=True, slots=True)
class Search:
    """What a person typed into the search box: all of it must be true of a patient that is found."""

    words: tuple[str, ...] = ()
    #: The dates that one token may mean: day first as in Europe, or year first as in ISO 8601.
    birth_dates: tuple[date, ...] = ()
    record_number: str = ""
    #: The beginning of a telephone number, as `phone_key` writes it.
    phone: str = ""

    @property
    def empty(self) -> bool:
        return not (self.words or self.birth_dates or self.record_number or self.phone)


def read_dates(token: str) -> tuple[date, ...]:
    """The dates a token may mean: 1980-05-02, 02/05/1980, 2.5.1980, 02051980, 19800502. Empty when it is none."""
    found: dict[date, None] = {}
    for pattern in _DATES:
        if match := pattern.fullmatch(token):
            found |= dict.fromkeys(_day(match["y"], match["m"], match["d"]))
    return tuple(found)


def _day(year: str, month: str | int, day: str) -> tuple[date, ...]:
    try:
        found = date(int(year), int(month), int(day))
    except ValueError:
        return ()
    return (found,) if found >= OLDEST_BIRTH else ()


def _read_written_date(tokens: list[str]) -> tuple[date, ...]:
    """The date that three tokens write: "2 mai 1980", "1er mai 1980", "May 2, 1980", "02 05 1980", "1980 05 02"."""
    first, second, third = (_fold(token).strip(".,") for token in tokens)
    first = re.sub(r"(?<=\d)(er|st|nd|rd|th)$", "", first)
    if first in _MONTHS:
        second = re.sub(r"(?<=\d)(st|nd|rd|th)$", "", second)
        first, second = second, first
    if not (re.fullmatch(r"\d{1,4}", first) and re.fullmatch(r"\d{1,4}", third)):
        return ()
    if second in _MONTHS:
        return _day(third, _MONTHS[second], first) if len(third) == 4 and len(first) <= 2 else ()
    return read_dates(f"{first}/{second}/{third}")


def read_search(text: str) -> Search:
    """Take a search apart. The caller has checked its length."""
    whole = clean_record_number(text)
    if is_record_number(whole):
        return Search(record_number=whole)
    found: list[str] = []
    dates: tuple[date, ...] = ()
    number = phone = ""
    tokens = text.split()
    while tokens:
        run = _numbers_at_start(tokens)
        token = tokens[0]
        if is_record_number(clean_record_number(token)):
            number, used = clean_record_number(token), 1
        elif not dates and len(run) <= 3 and len(tokens) > 2 and (read := _read_written_date(tokens[:3])):
            dates, used = read, 3
        elif not dates and (read := read_dates(token)):
            dates, used = read, 1
        elif not phone and len(key := phone_key("".join(run))) >= SHORTEST_PHONE and _digits(run) <= LONGEST_PHONE + 3:
            phone, used = key, len(run)
        else:
            found += words(token)
            used = 1
        del tokens[:used]
    return Search(tuple(dict.fromkeys(found))[:MOST_WORDS], dates, number, phone)


def _numbers_at_start(tokens: list[str]) -> list[str]:
    """The first tokens that may be pieces of one telephone number."""
    run: list[str] = []
    for token in tokens:
        if not _NUMBERISH.fullmatch(token) or (run and (token.startswith("+") or read_dates(token))):
            break
        run.append(token)
    return run


def _digits(run: list[str]) -> int:
    return sum(char.isdecimal() for token in run for char in token)


# --- Misspelt names ---------------------------------------------------------------------------------------------------
def distance(left: str, right: str) -> int:
    """How many letters were changed, left out, added or swapped with their neighbour (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, start=1):
        older, before, row = before, row, [i]
        for j, b in enumerate(right, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]


def swaps(word: str) -> list[str]:
    """The word with each two neighbours swapped."""
    return [word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1) if word[i] != word[i + 1]]


def likely_meant(asked: str, known: list[str], most: int = 5) -> list[str]:
    """Those of the `known` words that someone who typed `asked` may have meant, the nearest first: one slip in up to
    five letters, two in more."""
    allowed = 1 if len(asked) <= 5 else 2
    near = sorted((distance(asked, word), word) for word in known if abs(len(word) - len(asked)) <= allowed)
    return [word for slips, word in near if 0 < slips <= allowed][:most]


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
