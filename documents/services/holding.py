"""What is said of one document after it was added: that it is held, how long it is kept, that it is released."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final
from uuid import UUID

from django.utils.translation import gettext as _

from documents import selectors
from documents.models import Document
from documents.services import housekeeping
from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.errors import Invalid, Refused, Stale
from medisecure.kernel.transactions import transactional

HOLD: Final = "documents.hold_document"
LONGEST_REASON: Final = 300
LONGEST_KEPT: Final = timedelta(days=100 * 366)


@transactional(DEFAULT)
def set_hold(
    *, actor: User, document_id: UUID, held: bool, reason: str = "", keep_until: date | None = None
) -> Document:
    """While it is held, or until `keep_until`, nothing erases it: no request, no end of the time of keeping. Raises
    `NotFound`, `Refused`, `Invalid` without a reason or for a day that is over."""
    row = _open(actor, document_id, "hold" if held else "release-hold", HOLD)
    reason = " ".join(reason.split())
    errors = {}
    if held and not reason:
        errors["reason"] = [_("Say why, for example the number of the case.")]
    elif len(reason) > LONGEST_REASON:
        errors["reason"] = [_("At most %(count)d characters.") % {"count": LONGEST_REASON}]
    today = clock.today()
    if keep_until is not None and keep_until != row.keep_until and not today < keep_until < today + LONGEST_KEPT:
        errors["keep_until"] = [_("Choose a day that is still to come.")]
    if errors:
        raise Invalid(errors)
    row.hold_reason, row.hold_at = (reason, row.hold_at or clock.now()) if held else ("", None)
    row.keep_until = keep_until
    row.save(update_fields=["hold_reason", "hold_at", "keep_until"])
    return row


def release_document(*, actor: User, document_id: UUID) -> None:
    """It was talked about: the patient may read it from now on, and is told. Raises `NotFound`, `Refused`, `Stale`."""
    _open(actor, document_id, "release", "documents.upload_document")
    if not housekeeping.release(document_id):
        raise Stale


def _open(actor: User, document_id: UUID, action: str, permission: str) -> Document:
    row = selectors.open_document(actor=actor, document_id=document_id, action=action)
    if not actor.has_perm(permission):
        raise Refused
    return row
