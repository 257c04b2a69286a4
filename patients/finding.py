"""How a search is answered: the few ids that it finds, in order, without counting or sorting what nobody reads.

On a million patients a common beginning matches tens of thousands. So each step stops at `rules.MOST_FOUND`, in the
order of the ids, which is that of registration and of the table: PostgreSQL then reads the first few thousand rows when
many match, and uses the trigrams of `search_text` when few do; both are quick. In the order of the names it is not:
who is called Moreau stands in one place of it, and half the register is read to get there. Those that were found are
sorted here. `search_text` has neither case nor accents (rules.search_text), so `unaccent` is not needed.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Final
from uuid import UUID

from django.db import connections
from django.db.models import CharField, Q, QuerySet, Value
from django.db.models.functions import Cast, StrIndex

from medisecure.kernel.databases import DEFAULT
from patients import rules
from patients.cards import patient_by_record_number
from patients.identifiers import indexes_of
from patients.models import Patient, PatientIdentifier

#: Words of the register that are compared letter by letter with one that was typed.
_CANDIDATES: Final = 100
#: Shorter words are too much like too many others.
_SHORTEST_SIMILAR: Final = 4


def find(rows: QuerySet[Patient], search: rules.Search) -> list[UUID]:
    """The ids of at most `MOST_FOUND` patients of `rows` who match, the best first: whole words before beginnings of
    words before words that look alike; within these by name. When more match, the longest registered are found. Whoever
    has the identity number that was typed comes before all of them."""
    known = _by_identifier(rows, search.identifiers)
    if not (search.words or search.birth_dates or search.record_number or search.phone):
        return known
    return [*known, *(one for one in _find(rows, search) if one not in known)][: rules.MOST_FOUND]


def _by_identifier(rows: QuerySet[Patient], numbers: tuple[tuple[str, str], ...]) -> list[UUID]:
    """By the keyed index, so that the database is not told the number. Those that have ended count too: an old card is
    still the same person's."""
    if not numbers:
        return []
    indexes = [index for kind, value in numbers for index in indexes_of(kind, value)]
    found = PatientIdentifier.objects.filter(value_index__in=indexes).order_by().values_list("patient_id", flat=True)
    ids = set(found[: rules.MOST_FOUND])
    return list(rows.filter(id__in=ids).order_by("id").values_list("id", flat=True)) if ids else []


def _find(rows: QuerySet[Patient], search: rules.Search) -> list[UUID]:
    if search.record_number:
        # Not by the number itself: that of a file that was merged leads on.
        owner = patient_by_record_number(search.record_number)
        rows = rows.filter(id=owner) if owner else rows.none()
    if search.birth_dates:
        rows = rows.filter(birth_date__in=search.birth_dates)
    if search.phone:
        rows = rows.filter(phone_key__startswith=search.phone)
    found = _read(rows.filter(*(_begins(word) for word in search.words)))
    if len(found) == rules.MOST_FOUND and search.words:
        # There are more: those whose names are exactly these words may stand anywhere among them.
        found = _read(rows.filter(*(_is_whole(word) for word in search.words))) | found
    ranked = sorted(found, key=lambda one: (_words_missed(found[one], search.words), found[one], one))
    if len(ranked) < rules.SIMILAR_BELOW and not search.record_number:
        ranked += _similar(rows, search.words, set(ranked))
    return ranked[: rules.MOST_FOUND]


def in_order(rows: QuerySet[Patient], ids: list[UUID]) -> QuerySet[Patient]:
    """The rows with these ids, in this order."""
    if not ids:
        return rows.none()
    # How the database writes an id as text: PostgreSQL with hyphens, SQLite as the 32 digits it stores.
    native = connections[DEFAULT].features.has_native_uuid_field
    places = " ".join(str(one) if native else one.hex for one in ids)
    place = StrIndex(Value(places, output_field=CharField()), Cast("id", CharField()))
    return rows.filter(id__in=ids).order_by(place, "id")


def _read(rows: QuerySet[Patient], order: str | Cast = "id") -> dict[UUID, str]:
    """id → search_text."""
    return dict(rows.order_by(order).values_list("id", "search_text")[: rules.MOST_FOUND])


def _begins(word: str) -> Q:
    return Q(search_text__contains=f" {word}")


def _is_whole(word: str) -> Q:
    return Q(search_text__contains=f" {word} ") | Q(search_text__endswith=f" {word}")


def _words_missed(search_text: str, words: Iterable[str]) -> int:
    """How many of the words are only the beginning of a name's word: fewer is better."""
    whole = set(search_text.split())
    return sum(word not in whole for word in words)


def _similar(rows: QuerySet[Patient], words: tuple[str, ...], known: set[UUID]) -> list[UUID]:
    """Patients who have, for each word, it or one that looks like it; the nearest first. PostgreSQL only."""
    if connections[DEFAULT].vendor != "postgresql":
        return []
    meant = {word: rules.likely_meant(word, _look_alike(word)) for word in words if len(word) >= _SHORTEST_SIMILAR}
    if not any(meant.values()):
        return []
    for word in words:
        rows = rows.filter(reduce(or_, (_begins(one) for one in (word, *meant.get(word, ())))))
    # Rare words that are alike look frequent to PostgreSQL, which would read the whole table for them: in an order that
    # no index has, it takes the trigrams.
    found = _read(rows, Cast("id", CharField()))
    found = {one: text for one, text in found.items() if one not in known}

    def slips(one: UUID) -> int:
        return sum(_slips(word, found[one], meant.get(word, [])) for word in words)

    return sorted(found, key=lambda one: (slips(one), found[one], one))


def _slips(word: str, search_text: str, meant: list[str]) -> int:
    if f" {word}" in search_text:
        return 0
    return min((rules.distance(word, one) for one in meant if f" {one}" in search_text), default=0)


def _look_alike(word: str) -> list[str]:
    """Words of the register whose trigrams are like those of `word`, or that are it with two neighbours swapped: in a
    short word that leaves no trigram as it was. The function is made by the migration."""
    sql = (
        "SELECT word FROM similar_patient_words(%s, %s) UNION SELECT word FROM patient_words WHERE word = ANY(%s) "
        "ORDER BY word"
    )
    with connections[DEFAULT].cursor() as cursor:
        cursor.execute(sql, [word, _CANDIDATES, rules.swaps(word)])
        return [row[0] for row in cursor.fetchall()]
