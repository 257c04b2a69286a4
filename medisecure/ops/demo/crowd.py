"""Invented patients by the million, for measuring: the names of `people`, and others composed of syllables so that no
name is shared by tens of thousands. The same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import islice
from typing import Final

from medisecure.ops.demo.people import FAMILY, GIVEN
from patients.interface import Identity

_STARTS: Final = (
    "Beau Mont Cha Gar Val Ber Du Mar La Ro Per Bou Gui Fon Cou De Tri Sau Ver Bre Mau Pel Gou Ri Lan Cler Hau Vil Do "
    "Fer Le Car Bal Mer Sé Pré Bé Lé Ché Gué Plan Tour Noi Cor Pi Jou Ma Ra Ca Far"
).split()
_MIDDLES: Final = "ti ri no la mi ne do re ra li ber man gi te lo vi mar cel ro din go ta si ve ni bi ca ma pé ré lé chi gue da".split()
_ENDS: Final = (
    "ard eau ier ot et in on el aud ert ois ain ieu ac oux ey and al ac ille ette ière mont court ville gnac rat nois "
    "zet tin rel bois lard quin champ deau lier not rand"
).split()
_GIVEN_ENDS: Final = {
    "female": "ine elle ie ane ette ise ia ée anne ina ella aine".split(),
    "male": "ien in ic el and ois on an aël o ard ys".split(),
}
_GIVEN_STARTS: Final = (
    "Ad Al Am Ann Bast Ben Cam Cél Chlo Cyr Dam Dan Él Em Fab Fann Flor Gabr Gill Hél Hon Is Jos Jul Just Kar Laur Léon "
    "Luc Mag Marc Mart Max Nat Nol Ol Pasc Paul Reb Rém Ros Sab Séb Sol Syl Théod Val Vict Viv Yol"
).split()
#: The ranges that France keeps for fiction (ARCEP decision 2018-0881), each of ten thousand numbers.
_PHONES: Final = ("01 99 00", "02 61 91", "03 53 01", "04 65 71", "05 36 49", "06 39 98")
_BORN: Final = date(1930, 1, 1)
_DAYS: Final = (date(2025, 12, 31) - _BORN).days


def crowd(count: int, seed: int) -> Iterator[tuple[Identity, str]]:
    """`count` people, one after the other: who they are, and a telephone number."""
    dice = random.Random(seed)
    return islice(_people(dice), count)


def _people(dice: random.Random) -> Iterator[tuple[Identity, str]]:
    while True:
        sex = "female" if dice.random() < 0.5 else "male"
        birth = _BORN + timedelta(days=dice.randint(0, _DAYS))
        used = _family(dice) if sex == "female" and dice.random() < 0.25 else ""
        given = " ".join(dict.fromkeys(_given(dice, sex) for _ in range(dice.choice((1, 1, 2, 3)))))
        number = dice.randint(0, 9999)
        phone = f"{dice.choice(_PHONES)} {number // 100:02} {number % 100:02}"
        if dice.random() < 0.3:
            phone = f"+33 {phone[1:]}"
        identity = Identity(family_name=_family(dice), given_names=given, used_name=used, birth_date=birth, sex=sex)
        yield identity, phone


def _family(dice: random.Random) -> str:
    kind = dice.random()
    if kind < 0.15:
        return dice.choice(FAMILY)
    name = dice.choice(_STARTS) + (dice.choice(_MIDDLES) if kind < 0.8 else "") + dice.choice(_ENDS)
    return f"{name}-{dice.choice(FAMILY)}" if kind > 0.97 else name


def _given(dice: random.Random, sex: str) -> str:
    if dice.random() < 0.5:
        return dice.choice(GIVEN[sex])
    name = dice.choice(_GIVEN_STARTS) + dice.choice(_GIVEN_ENDS[sex])
    return f"{name}-{dice.choice(GIVEN[sex])}" if dice.random() < 0.1 else name
