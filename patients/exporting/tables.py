"""Every row that this database keeps of a patient, whichever app made its table: a table that is new is exported."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from uuid import UUID

from django.db.models import Model

from medisecure.accounts.interface import account_rows
from medisecure.notifications.interface import rows_about
from patients.exporting.hooks import Row, table_rows
from patients.models import Patient

#: Tables of which nothing goes out, and why. Anything else that points to a patient does.
NOT_EXPORTED: Final[dict[str, str]] = {}


def related_models() -> dict[type[Model], str]:
    """Model → the name of its one link to a patient. A row that links two people (two records that may be the same
    person's) tells each of them about the other, so it belongs to neither's export."""
    links: dict[type[Model], list[str]] = {}
    for relation in Patient._meta.get_fields(include_hidden=True):
        model = getattr(relation, "related_model", None)
        if not relation.auto_created or relation.concrete or not isinstance(model, type) or model is Patient:
            continue
        links.setdefault(model, []).append(relation.field.name)  # type: ignore[union-attr]
    return {
        model: names[0]
        for model, names in links.items()
        if len(names) == 1 and model._meta.db_table not in NOT_EXPORTED and not model._meta.proxy
    }


def tables_of(patient_id: UUID) -> Iterator[tuple[str, Iterator[Row]]]:
    """(table, its rows of this patient), the register first."""
    yield "patients", table_rows(Patient.objects.filter(id=patient_id))
    for model, link in sorted(related_models().items(), key=lambda found: found[0]._meta.db_table):
        yield model._meta.db_table, table_rows(model._default_manager.filter(**{f"{link}_id": patient_id}))
    user_id = Patient.objects.filter(id=patient_id).values_list("user_id", flat=True).first()
    if user_id is not None:
        yield "users", iter(account_rows(user_id))
        yield from rows_about(user_id)
