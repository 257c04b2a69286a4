"""What is allowed and how things are written, without Django: every rule here can be read and tested by itself."""

from __future__ import annotations

from patients.rules.access import (
    CARE_AFTER,
    CARE_BEFORE,
    CARE_RELATION,
    CARE_ROLES,
    IDENTITY_ROLES,
    SELF,
    care_window,
    everyones_identity_right,
    identity_right,
    record_right,
)
from patients.rules.allergies import NO_KNOWN_ALLERGY, SNOMED, AllergyFact, AllergySummary, Asked
from patients.rules.allergies import summary as allergy_summary
from patients.rules.names import clean_text, has_hidden_characters, has_letter, search_text, words
from patients.rules.numbers import (
    LAST_RECORD_NUMBER,
    LONGEST_PHONE,
    clean_record_number,
    is_record_number,
    phone_key,
    record_number,
)
from patients.rules.people import CLOCKS_DIFFER, OLDEST_BIRTH, age, age_parts, possible_birth
from patients.rules.search import (
    LONGEST_SEARCH,
    MOST_FOUND,
    MOST_WORDS,
    SHORTEST_PHONE,
    SHORTEST_SEARCH,
    SIMILAR_BELOW,
    Search,
    read_dates,
    read_search,
)
from patients.rules.spelling import distance, likely_meant, swaps
from patients.rules.units import UNITS, written_unit

__all__ = [
    "CARE_AFTER",
    "CARE_BEFORE",
    "CARE_RELATION",
    "CARE_ROLES",
    "CLOCKS_DIFFER",
    "IDENTITY_ROLES",
    "LAST_RECORD_NUMBER",
    "LONGEST_PHONE",
    "LONGEST_SEARCH",
    "MOST_FOUND",
    "MOST_WORDS",
    "NO_KNOWN_ALLERGY",
    "OLDEST_BIRTH",
    "SELF",
    "SHORTEST_PHONE",
    "SHORTEST_SEARCH",
    "SIMILAR_BELOW",
    "SNOMED",
    "UNITS",
    "AllergyFact",
    "AllergySummary",
    "Asked",
    "Search",
    "age",
    "age_parts",
    "allergy_summary",
    "care_window",
    "clean_record_number",
    "clean_text",
    "distance",
    "everyones_identity_right",
    "has_hidden_characters",
    "has_letter",
    "identity_right",
    "is_record_number",
    "likely_meant",
    "phone_key",
    "possible_birth",
    "read_dates",
    "read_search",
    "record_number",
    "record_right",
    "search_text",
    "swaps",
    "words",
    "written_unit",
]
