"""Who pays an invoice: the patient's insurers on the day of care, and whether each pays the hospital itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from billing import rules
from billing.models import Invoice, InvoiceShare
from medisecure.kernel import clock
from patients.interface import insurers_in_force


@dataclass(frozen=True, slots=True)
class Cover:
    """One insurer of the patient's, as it stands on an invoice."""

    payer: rules.Payer
    insurer: str
    coverage_id: UUID | None
    third_party: bool = True


def covers_on(
    patient_id: UUID, day: date | None, third_party: Mapping[rules.Payer, bool] | None = None
) -> tuple[Cover, ...]:
    """The patient's insurers on that day (today when none is given). Reads another database: ask before the
    transaction. Each pays the hospital itself unless `third_party` says that it does not."""
    chosen = third_party or {}
    found = []
    for row in insurers_in_force(patient_id, day or clock.today()):
        payer = rules.Payer(row.role)
        found.append(Cover(payer, row.payer[:200], row.id, chosen.get(payer, True)))
    return tuple(found)


def covers_of(invoice: Invoice) -> tuple[Cover, ...]:
    """Those of an invoice as it stands."""
    return tuple(
        Cover(rules.Payer(share.payer), share.insurer, share.coverage_id, share.third_party)
        for share in invoice.shares.all()
        if share.payer != rules.Payer.PATIENT
    )


def chosen_of(invoice: Invoice) -> dict[rules.Payer, bool]:
    """Insurer → whether it pays the hospital itself, as the invoice has it."""
    return {cover.payer: cover.third_party for cover in covers_of(invoice)}


def write(
    invoice: Invoice, lines: Sequence[rules.Line], amounts: Sequence[rules.Amounts], covers: Iterable[Cover]
) -> None:
    """Replace the draft's shares; the caller has locked the draft."""
    InvoiceShare.objects.filter(invoice=invoice).delete()
    InvoiceShare.objects.bulk_create(shares(invoice, lines, amounts, covers))


def shares(
    invoice: Invoice, lines: Sequence[rules.Line], amounts: Sequence[rules.Amounts], covers: Iterable[Cover]
) -> list[InvoiceShare]:
    """The rows, not written. They add up to the invoice's total (`rules.parts`)."""
    known = {cover.payer: cover for cover in covers}
    found = []
    parts = rules.parts(lines, amounts, {payer: cover.third_party for payer, cover in known.items()})
    for position, part in enumerate(parts, start=1):
        cover = known.get(part.payer)
        found.append(
            InvoiceShare(
                invoice=invoice,
                payer=part.payer.value,
                position=position,
                insurer=cover.insurer if cover else "",
                coverage_id=cover.coverage_id if cover else None,
                third_party=bool(cover and cover.third_party),
                covered_cents=part.covered_cents,
                amount_cents=part.amount_cents,
            )
        )
    return found
