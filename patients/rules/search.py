"""What a person typed into the search box, taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from patients.rules.identifiers import NIR, search_candidates
from patients.rules.names import fold, words
from patients.rules.numbers import LONGEST_PHONE, clean_record_number, is_record_number, phone_key
from patients.rules.people import OLDEST_BIRTH

SHORTEST_SEARCH: Final = 2
LONGEST_SEARCH: Final = 100
MOST_WORDS: Final = 8
#: Fewer digits are no telephone number, nor enough of one.
SHORTEST_PHONE: Final = 6
#: Nobody reads further down a list of people: who is not among so many has to be asked for more precisely.
MOST_FOUND: Final = 200
#: A list of everybody has the pages of so many; nobody leafs further, and counting a register of a million takes long.
MOST_LISTED: Final = 10_000
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
    #: (kind, value) of each identity number that the whole text may be. Whoever has one is found before all others.
    identifiers: tuple[tuple[str, str], ...] = field(default=(), repr=False, compare=False)

    @property
    def empty(self) -> bool:
        return not (self.words or self.birth_dates or self.record_number or self.phone or self.identifiers)


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
    first, second, third = (fold(token).strip(".,") for token in tokens)
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
    numbers = tuple(search_candidates(text))
    if NIR in dict(numbers):
        # Nothing else looks like one, and the digits are not to be compared with telephone numbers in the database.
        return Search(identifiers=numbers)
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
    return Search(tuple(dict.fromkeys(found))[:MOST_WORDS], dates, number, phone, numbers)


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
