"""Record numbers and telephone numbers."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from stdnum.iso7064 import mod_11_2

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
