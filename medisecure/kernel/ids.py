"""Identifiers: UUID version 7 (RFC 9562 §5.7), so that primary keys sort by time of creation."""

from __future__ import annotations

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    return uuid7()
