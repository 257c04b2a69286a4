"""Demonstration data, made by the real services: a price list, and invoices in every state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from billing import rules, selectors
from billing.models import Invoice, Price
from billing.services import create_draft, create_price, credit, discard_draft, issue_invoice, record_payment
from billing.services.drafts import line_from_price
from medisecure.accounts.models import User
from medisecure.kernel import clock

#: code, French, English, cents, VAT in basis points, type of appointment that is charged with it
PRICES: Final = (
    ("CS", "Consultation", "Consultation", 3000, 0, "consultation"),
    ("CSF", "Consultation de suivi", "Follow-up consultation", 2500, 0, "follow-up"),
    ("CSP", "Première consultation de spécialiste", "First specialist consultation", 5000, 0, "first-visit"),
    ("TLC", "Téléconsultation", "Video consultation", 2500, 0, "teleconsultation"),
    ("VAC", "Vaccination, acte", "Vaccination, act", 1200, 0, "vaccination"),
    ("ECG", "Électrocardiogramme de repos", "Resting electrocardiogram", 1426, 0, "ecg"),
    ("BIO", "Prélèvement sanguin", "Blood sample", 630, 0, "blood-test"),
    ("IMG", "Échographie", "Ultrasound scan", 5666, 0, "imaging"),
    ("CP", "Chambre particulière, par jour", "Single room, per day", 6500, 0, ""),
    ("TV", "Location d’un téléviseur, par jour", "Television rental, per day", 350, 2000, ""),
    ("COPIE", "Copie du dossier sur papier", "Paper copy of the record", 1500, 2000, ""),
)
FIRST_DAY: Final = date(2020, 1, 1)

STATES: Final = ("draft", "issued", "part-paid", "paid", "credited", "discarded")


def ensure_price_list(types: Mapping[str, str] | None = None) -> int:
    """Add the demonstration prices that are missing; returns how many. `types`: appointment type → price code, for
    types that another price list names differently."""
    known = set(Price.objects.values_list("code", flat=True))
    by_code = {code: type_code for type_code, code in (types or {}).items()}
    added = 0
    for code, label_fr, label_en, cents, vat_rate, type_code in PRICES:
        if code in known:
            continue
        create_price(
            actor=None,
            code=code,
            label_fr=label_fr,
            label_en=label_en,
            price_cents=cents,
            vat_rate=vat_rate,
            exemption="" if vat_rate else rules.Exemption.CARE.value,
            appointment_type=by_code.get(code, type_code),
            valid_from=FIRST_DAY,
        )
        added += 1
    return added


def seed_demo(
    *, actor: User, patient_ids: Sequence[UUID], practitioner_ids: Sequence[UUID] = (), per_state: int = 4
) -> dict[str, int]:
    """Invoices in every state, `per_state` of each, for these patients in turn. Returns state → how many were made;
    nothing is made when there are invoices by hand already. `actor` must be a billing clerk."""
    ensure_price_list()
    if not patient_ids or Invoice.objects.filter(appointment_id=None).exists():
        return {}
    today = clock.today()
    prices = {price.code: price for price in selectors.prices_on(today)}
    baskets = (("CS",), ("CSP", "ECG"), ("CSF",), ("CS", "TV"), ("IMG",), ("CP", "TV", "COPIE"))
    made = dict.fromkeys(STATES, 0)
    for turn in range(per_state * len(STATES)):
        state = STATES[turn % len(STATES)]
        lines = [
            line_from_price(prices[code], quantity=Decimal(3) if code in ("TV", "CP") else Decimal(1))
            for code in baskets[(turn + turn // len(STATES)) % len(baskets)]
        ]
        invoice = create_draft(
            actor=actor,
            patient_id=patient_ids[turn % len(patient_ids)],
            lines=lines,
            service_date=today - timedelta(days=turn % 28),
            practitioner_id=practitioner_ids[turn % len(practitioner_ids)] if practitioner_ids else None,
        )
        _bring_to(state, actor, invoice)
        made[state] += 1
    return made


def _bring_to(state: str, actor: User, invoice: Invoice) -> None:
    if state == "draft":
        return
    if state == "discarded":
        discard_draft(actor=actor, invoice_id=invoice.id, reason="Créé en double")
        return
    issued = issue_invoice(actor=actor, invoice_id=invoice.id)
    amounts = {
        "part-paid": [issued.total_cents // 2],
        "paid": [issued.total_cents // 3, issued.total_cents - issued.total_cents // 3],
    }.get(state, [])
    for index, amount in enumerate(amounts):
        record_payment(
            actor=actor,
            invoice_id=issued.id,
            amount_cents=amount,
            method="card" if index else "cash",
            reference="DEMO",
            idempotency_key=f"demo-{issued.id}-{index}",
        )
    if state == "credited":
        credit(actor=actor, invoice_id=issued.id, reason="Erreur de tarif")
