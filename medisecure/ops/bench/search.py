"""How long a search takes: a fixed mix of queries, one after the other, as a receptionist types them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from medisecure.accounts.interface import Role, create_user
from medisecure.accounts.models import User
from medisecure.kernel import cache
from medisecure.ops.demo.crowd import crowd
from patients.interface import Identity, record_number, search_patients

#: Rows of a page, as the admin and the API show them.
PAGE: Final = 50
#: What is asked first fills the database's memory and is not counted.
WARM_UP: Final = 60
#: People whose names, dates and numbers are asked for.
_ASKED: Final = 2000
LIMIT_MS: Final = 100.0

Person = tuple[Identity, str, str]


def _prefix(dice: random.Random, person: Person) -> str:
    name = person[0].family_name
    return name[: dice.randint(2, max(2, len(name) - 1))]


def _two_words(dice: random.Random, person: Person) -> str:
    identity = person[0]
    return f"{identity.given_names.split()[0][: dice.randint(2, 6)]} {identity.family_name}"


def _misspelt(dice: random.Random, person: Person) -> str:
    """One slip after the first letter: a letter left out, doubled, changed, or swapped with the next."""
    name = person[0].family_name
    at = dice.randint(1, len(name) - 2)
    slip = dice.randint(0, 3)
    middle = ("", name[at] * 2, dice.choice("aeiorstln"), name[at + 1] + name[at])[slip]
    return name[:at] + middle + name[at + (2 if slip == 3 else 1) :]


def _birth_date(dice: random.Random, person: Person) -> str:
    birth = person[0].birth_date
    assert birth is not None  # noqa: S101 - the crowd's are all known
    return birth.strftime(dice.choice(("%d/%m/%Y", "%Y-%m-%d", "%d%m%Y", "%d.%m.%Y")))


def _name_and_birth_date(dice: random.Random, person: Person) -> str:
    return f"{person[0].family_name} {_birth_date(dice, person)}"


def _phone(dice: random.Random, person: Person) -> str:
    return person[1] if dice.random() < 0.5 else person[1].replace(" ", "")


def _record_number(dice: random.Random, person: Person) -> str:
    return person[2]


MIX: Final[Mapping[str, Callable[[random.Random, Person], str]]] = {
    "one-word prefix": _prefix,
    "two words": _two_words,
    "misspelt": _misspelt,
    "birth date": _birth_date,
    "name + birth date": _name_and_birth_date,
    "phone": _phone,
    "record number": _record_number,
}


def measure(*, patients: int, seconds: float, seed: int) -> dict[str, list[float]]:
    """Milliseconds of each search by kind: the search, the count for paging and the first page of `PAGE` rows.

    `patients` were generated with `seed`; the queries are made from people among them, and are the same each time.
    """
    actor = create_user(email="bench@example.invalid", full_name="Bench", role=Role.RECEPTIONIST, password=None)
    people = [
        (identity, phone, number)
        for (identity, phone), number in zip(islice(crowd(patients, seed), _ASKED), _numbers(), strict=False)
    ]
    reader = User.objects.get(id=actor.id)
    queries = _queries(people)
    for _kind, query in islice(queries, WARM_UP):
        _ask(reader, query)
    taken: dict[str, list[float]] = {kind: [] for kind in MIX}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        kind, query = next(queries)
        taken[kind].append(_ask(reader, query))
    return taken


def _numbers() -> Iterator[str]:
    return (record_number(sequence) for sequence in range(1, _ASKED + 1))


def _queries(people: Sequence[Person]) -> Iterator[tuple[str, str]]:
    dice = random.Random(7)  # noqa: S311 — the same queries each time
    while True:
        for kind, write in MIX.items():
            yield kind, write(dice, dice.choice(people))


def _ask(actor: User, query: str) -> float:
    # The search itself: what the cache keeps for seconds would make each second question look quick.
    cache.forget(cache.SEARCH_SCOPE)
    started = time.perf_counter()
    rows = search_patients(actor, query)
    rows.count()
    list(rows[:PAGE])
    return (time.perf_counter() - started) * 1000


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-int(len(ordered) * share * 1000) // 1000) - 1)]


def table(taken: Mapping[str, Sequence[float]]) -> tuple[str, float]:
    """(lines for people to read, overall p95 in ms)."""
    everything = [value for values in taken.values() for value in values]
    lines = [f"{'':20}{'searches':>9}{'p50 ms':>9}{'p95 ms':>9}{'max ms':>9}"]
    for kind, values in (*taken.items(), ("all", everything)):
        if values:
            numbers = "".join(f"{value:9.1f}" for value in (quantile(values, 0.5), quantile(values, 0.95), max(values)))
            lines.append(f"{kind:20}{len(values):9}{numbers}")
    return "\n".join(lines), quantile(everything, 0.95) if everything else 0.0
