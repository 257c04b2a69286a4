"""Strict reading of FHIR R4 JSON: a value of the wrong shape is refused with its resource, field and reason.

Reasons name fields and rules and never quote what was in the field: it may be a person's data.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final

from medisecure.kernel.clock import truncate

#: FHIR R4 §2.24.0.1: `date` and `dateTime` stop at the year, the month or the day, or go to the second with a zone.
_DATE: Final = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")
_INSTANT: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})")
_PRECISION: Final = {1: "year", 2: "month", 3: "day"}


class BadResource(ValueError):
    """A resource that cannot be taken."""

    def __init__(self, resource: str, field: str, reason: str) -> None:
        self.resource, self.field, self.reason = resource, field, reason
        super().__init__(f"{resource}.{field}: {reason}" if field else f"{resource}: {reason}")


@dataclass(frozen=True, slots=True)
class When:
    """An instant, and how much of it the source knew. What is not known is the first: 2010 is 2010-01-01T00:00Z."""

    at: datetime | None = None
    precision: str = "instant"


@dataclass(frozen=True, slots=True)
class Concept:
    """A CodeableConcept: its first coding, its text or that coding's display, and the codings in other systems."""

    code: str = ""
    system: str = ""
    display: str = ""
    others: tuple[Mapping[str, str], ...] = ()

    def other_codings(self) -> list[dict[str, str]]:
        return [dict(item) for item in self.others]


@dataclass(frozen=True, slots=True)
class Node:
    """A JSON object inside a resource, which knows where it is."""

    resource: str
    path: str
    data: Mapping[str, Any]

    def where(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def refuse(self, name: str, reason: str) -> BadResource:
        return BadResource(self.resource, self.where(name), reason)

    def has(self, name: str) -> bool:
        return self.data.get(name) is not None

    def text(self, name: str, *, required: bool = False) -> str:
        value = self.data.get(name)
        if value is None:
            if required:
                raise self.refuse(name, "is missing")
            return ""
        if not isinstance(value, str):
            raise self.refuse(name, "must be text")
        if "\x00" in value:
            raise self.refuse(name, "has a NUL character")
        if required and not value.strip():
            raise self.refuse(name, "is empty")
        return value

    def texts(self, name: str) -> list[str]:
        value = self.data.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.refuse(name, "must be a list of texts")
        return value

    def code(self, name: str, allowed: Collection[str], *, required: bool = False) -> str:
        value = self.text(name, required=required)
        if value and value not in allowed:
            raise self.refuse(name, f"must be one of {', '.join(sorted(allowed))}")
        return value

    def boolean(self, name: str, default: bool) -> bool:
        value = self.data.get(name, default)
        if not isinstance(value, bool):
            raise self.refuse(name, "must be true or false")
        return value

    def node(self, name: str) -> Node | None:
        value = self.data.get(name)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise self.refuse(name, "must be an object")
        return Node(self.resource, self.where(name), value)

    def nodes(self, name: str) -> list[Node]:
        value = self.data.get(name, [])
        if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
            raise self.refuse(name, "must be a list of objects")
        return [Node(self.resource, f"{self.where(name)}[{index}]", item) for index, item in enumerate(value)]

    def reference(self, name: str, *, required: bool = False) -> str:
        """The literal reference, e.g. `urn:uuid:…`, `Patient/12`, `Practitioner?identifier=system|value`."""
        node = self.node(name)
        value = node.text("reference") if node else ""
        if required and not value:
            raise self.refuse(name, "is missing")
        return value

    def day(self, name: str) -> tuple[date | None, str]:
        """A `date` and its precision: year, month or day."""
        value = self.text(name)
        if not value:
            return None, "day"
        match = _DATE.fullmatch(value)
        if match is None:
            raise self.refuse(name, "is not a date YYYY, YYYY-MM or YYYY-MM-DD")
        parts = [int(part) for part in match.groups() if part is not None]
        try:
            return date(*[*parts, 1, 1][:3]), _PRECISION[len(parts)]
        except ValueError:
            raise self.refuse(name, "is an impossible date") from None

    def when(self, name: str) -> When:
        """A `dateTime`."""
        value = self.text(name)
        if not value:
            return When()
        if not _INSTANT.fullmatch(value):
            day, precision = self.day(name)
            return When(datetime.combine(day, time(), UTC), precision) if day else When()
        try:
            return When(truncate(datetime.fromisoformat(value)))
        except (ValueError, OverflowError):
            raise self.refuse(name, "is an impossible date or time") from None

    def period(self, name: str) -> tuple[When, When]:
        node = self.node(name)
        if node is None:
            return When(), When()
        start, end = node.when("start"), node.when("end")
        if start.at and end.at and end.at < start.at and "instant" == start.precision == end.precision:
            raise self.refuse(name, "ends before it starts")
        return start, end

    def number(self, name: str) -> tuple[str, float | None]:
        """A decimal: its digits as written and as a number."""
        value = self.data.get(name)
        if value is None:
            return "", None
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            raise self.refuse(name, "must be a number")
        if not math.isfinite(number := float(value)):
            raise self.refuse(name, "is too large a number")
        return str(value), number

    def concept(self, name: str) -> Concept:
        node = self.node(name)
        return node.as_concept() if node else Concept()

    def concepts(self, name: str) -> list[Concept]:
        return [node.as_concept() for node in self.nodes(name)]

    def as_concept(self) -> Concept:
        codings = [
            {"code": coding.text("code"), "system": coding.text("system"), "display": coding.text("display")}
            for coding in self.nodes("coding")
        ]
        text = self.text("text")
        if not codings:
            return Concept(display=text)
        first, *others = codings
        return Concept(first["code"], first["system"], text or first["display"], tuple(others))

    def as_coding(self) -> Concept:
        return Concept(self.text("code"), self.text("system"), self.text("display"))

    def content(self) -> bytes | None:
        """An attachment's bytes, checked against its size and hash; None when it is only an address."""
        value = self.text("data")
        if not value:
            return None
        try:
            content = base64.b64decode("".join(value.split()), validate=True)
        except binascii.Error:
            raise self.refuse("data", "is not base64") from None
        size = self.data.get("size")
        if size is not None and size != len(content):
            raise self.refuse("size", "is not the size of the data")
        # R4 §2.24.0.13: `hash` is a SHA-1 in base64. It finds damage; it does not protect from anyone.
        digest = hashlib.sha1(content, usedforsecurity=False).digest()
        if (told := self.text("hash")) and told != base64.b64encode(digest).decode():
            raise self.refuse("hash", "does not match the data")
        return content


def labels(concepts: Collection[Concept]) -> str:
    """Several concepts as one text, e.g. reasons."""
    return "; ".join(item.display or item.code for item in concepts if item.display or item.code)


def notes(node: Node) -> str:
    return "\n\n".join(text for item in node.nodes("note") if (text := item.text("text")))
