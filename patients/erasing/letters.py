"""The answer as a letter (PDF/UA-1), made before anything is erased and kept with the request."""

from __future__ import annotations

import io
from uuid import UUID

from django.conf import settings
from django.utils import translation
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from medisecure.accounts.models import User
from medisecure.audit.interface import record_access
from medisecure.kernel import objects
from medisecure.kernel.errors import NotFound
from medisecure.kernel.ids import new_id
from medisecure.kernel.pdf import render_pdf
from patients.access import access_identity
from patients.cards import patient_card, patient_for_user
from patients.models import ErasureRequest

PDF = "application/pdf"


def make_letter(request: ErasureRequest) -> str:
    """Render, store and note the letter; returns its key."""
    from patients.erasing.requests import request_line

    card = patient_card(request.patient_id)
    with translation.override(request.language):
        line = request_line(request)
        decided = localtime(request.decided_at or request.asked_at)
        data = {
            "language": request.language,
            "hospital": (settings.BILLING_SELLER or {}).get("name", "MediSecure"),
            "recipient": [card.full_name, *card.address_lines],
            "date": date_format(decided, "DATE_FORMAT"),
            "title": _("Your request for erasure"),
            "page": _("Page"),
            "record": _("Record number %(number)s") % {"number": card.record_number},
            "intro": _("You asked on %(day)s for your data to be erased. This is what was decided for each part of it.")
            % {"day": date_format(localtime(request.asked_at), "DATE_FORMAT")},
            "headers": [_("Data"), _("Decision"), _("Why")],
            "rows": [
                [item.category_label, item.decision_label, f"{item.ground} {item.reason}".strip()]
                for item in line.decisions
            ],
            "locked": _(
                "Locked away means: it is found by no search and opened by nobody in everyday work; only you and the "
                "privacy officer know of it."
            ),
            "appeal": _(
                "If you do not agree, write to the hospital’s privacy officer, or complain to the CNIL "
                "(3 place de Fontenoy, 75007 Paris, www.cnil.fr) or take the matter to court (GDPR, art. 77 and 79)."
            ),
        }
    content = render_pdf("erasure", data, created=request.decided_at or request.asked_at)
    key = objects.documents().save(f"erasures/{request.id}/{new_id()}.pdf", io.BytesIO(content), PDF)
    if not ErasureRequest.objects.filter(id=request.id, letter_key="").update(letter_key=key):
        objects.documents().delete(key)  # another worker was first
    return key


def letter_url(*, actor: User, request_id: UUID) -> str:
    """An address that serves the letter for a short time: for the patient, and for the privacy officer who sends it.
    Raises `NotFound`."""
    row = ErasureRequest.objects.filter(id=request_id).exclude(letter_key="").first()
    if row is None:
        raise NotFound
    own = patient_for_user(actor.id) == row.patient_id
    if not own and not actor.has_perm("patients.decide_erasure"):
        raise NotFound
    access_identity(actor=actor, patient_id=row.patient_id, purpose="self" if own else "oversight")
    record_access(
        actor=actor,
        patient_id=row.patient_id,
        action="download",
        resource="data-protection",
        resource_id=row.id,
        purpose="self" if own else "oversight",
        right="self" if own else "permission:patients.decide_erasure",
    )
    return objects.documents().signed_url(row.letter_key, filename=f"{row.asked_at:%Y-%m-%d}.pdf", content_type=PDF)
