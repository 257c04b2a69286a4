"""A strict reader of iCalendar text, by the letter of RFC 5545 and with no code of the library that wrote it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_LINE = re.compile(
    r"(?P<name>[A-Z0-9-]+)(?P<parameters>(?:;[A-Z0-9-]+=(?:\"[^\"\x00-\x1f\x7f]*\"|[^\";:,\x00-\x1f\x7f]*)"
    r"(?:,(?:\"[^\"\x00-\x1f\x7f]*\"|[^\";:,\x00-\x1f\x7f]*))*)*):(?P<value>[^\x00-\x08\x0a-\x1f\x7f]*)"
)
_UTC = re.compile(r"\d{8}T\d{6}Z")
_DURATION = re.compile(r"P(?:\d+D)?(?:T(?:\d+H)?(?:\d+M)?(?:\d+S)?)?")
_TEXT = re.compile(r"(?:[^\\;,]|\\[\\;,nN])*")
_ONCE = {"UID", "DTSTAMP", "DTSTART", "DTEND", "SEQUENCE", "SUMMARY", "LOCATION", "STATUS", "TRANSP", "CLASS", "URL"}


def read(text: str) -> tuple[dict[str, str], list[dict[str, str]]]:
    """(properties of the calendar, properties of each event). Raises AssertionError where the standard is broken."""
    assert text.endswith("END:VCALENDAR\r\n")
    assert "\r" not in text.replace("\r\n", ""), "a CR that ends no line"
    assert "\n" not in text.replace("\r\n", ""), "an LF that ends no line"
    raw = text.split("\r\n")[:-1]
    for line in raw:
        assert line, "an empty line"
        assert len(line.encode()) <= 75, f"a line of {len(line.encode())} octets"
        line.encode().decode()
    lines = text[:-2].replace("\r\n ", "").replace("\r\n\t", "").split("\r\n")
    open_parts: list[str] = []
    calendar: dict[str, str] = {}
    events: list[dict[str, str]] = []
    for line in lines:
        found = _LINE.fullmatch(line)
        assert found, f"not a content line: {line!r}"
        name, value = found["name"], found["value"]
        if name == "BEGIN":
            assert value == ("VEVENT" if open_parts else "VCALENDAR")
            open_parts.append(value)
            if value == "VEVENT":
                events.append({})
            continue
        if name == "END":
            assert open_parts.pop() == value
            continue
        target = events[-1] if open_parts[-1] == "VEVENT" else calendar
        assert not (name in target and (name in _ONCE or target is calendar)), f"{name} twice"
        target[name] = value
    assert not open_parts
    _check_calendar(calendar)
    for event in events:
        _check_event(event, calendar.get("METHOD", ""))
    uids = [event["UID"] for event in events]
    assert len(uids) == len(set(uids)), "a UID twice"
    return calendar, events


def _check_calendar(calendar: dict[str, str]) -> None:
    assert calendar["VERSION"] == "2.0"
    assert calendar["PRODID"]
    assert calendar["METHOD"] in {"REQUEST", "CANCEL", "PUBLISH"}
    if "REFRESH-INTERVAL" in calendar:
        assert _DURATION.fullmatch(calendar["REFRESH-INTERVAL"])


def _check_event(event: dict[str, str], method: str) -> None:
    assert {"UID", "DTSTAMP", "DTSTART", "DTEND", "SEQUENCE", "STATUS", "SUMMARY"} <= event.keys()
    for name in ("DTSTAMP", "DTSTART", "DTEND"):
        assert _UTC.fullmatch(event[name]), f"{name}:{event[name]}"
    assert instant(event["DTSTART"]) < instant(event["DTEND"])
    assert event["SEQUENCE"].isdecimal()
    assert event["STATUS"] in {"CONFIRMED", "CANCELLED", "TENTATIVE"}
    assert event.get("TRANSP") in {"OPAQUE", "TRANSPARENT"}
    for name in ("SUMMARY", "LOCATION"):
        assert _TEXT.fullmatch(event[name]), f"{name}: a character that is not escaped"
    # RFC 5546 §3.2: these name who invites.
    assert method == "PUBLISH" or event["ORGANIZER"].startswith("mailto:")
    assert method != "CANCEL" or event["STATUS"] == "CANCELLED"


def instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
