"""Moves all that refers to one patient to another, in this database, and back, by the journal.

What refers to a patient is asked of the models, so that a table that comes later is moved without this module knowing
it. `NOT_MOVED` is the one list of those that are not.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, models

from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.transactions import atomic
from patients.models import Merge, MergeMove, Patient

#: Model label → why its rows stay with the patient they were written for.
NOT_MOVED: Final = {
    "patients.MedicalRecord": "one for each patient; it holds no data but a version",
    "patients.Merge": "says who was merged into whom",
    "patients.DuplicatePair": "hidden while one of the two is merged, and true again when that is taken back",
}
BATCH: Final = 500
PATIENT: Final = "patients.Patient"


def references() -> Iterator[tuple[type[models.Model], models.Field[Any, Any]]]:
    """Every model of this database with a foreign key to a patient, and the key."""
    # The hidden ones too: most keys have no name for the way back.
    for relation in Patient._meta.get_fields(include_hidden=True):
        if not (relation.auto_created and (relation.one_to_many or relation.one_to_one)):
            continue
        model: Any = relation.related_model
        if model._meta.label not in NOT_MOVED and not model._meta.proxy:
            yield model, relation.field  # type: ignore[union-attr]


def rows_of(model: type[models.Model], field: models.Field[Any, Any], patient_id: UUID) -> models.QuerySet[Any]:
    # Not the model's own manager, which may hide rows, or refuse to change what only a merge may.
    return model._base_manager.filter(**{f"{field.name}_id": patient_id}).order_by()


def move_rows(merge: Merge) -> tuple[int, int]:
    """Give all that is the loser's to the survivor. Returns how many rows moved, and how many had to stay because the
    survivor has one where there can be only one. Again, it moves what has come since."""
    moved = kept = 0
    for model, field in references():
        ids = list(rows_of(model, field, merge.loser_id).values_list("pk", flat=True))
        done = _one_by_one(merge, model, field, ids) if _only_one(model, field) else _together(merge, model, field, ids)
        MergeMove.objects.bulk_create(
            [
                MergeMove(
                    merge=merge,
                    model=model._meta.label,
                    row_id=row_id,
                    field=field.name,
                    old=str(merge.loser_id),
                    new=str(merge.survivor_id),
                )
                for row_id in done
            ],
            batch_size=BATCH,
        )
        moved += len(done)
        kept += len(ids) - len(done)
    return moved, kept


def _only_one(model: type[models.Model], field: models.Field[Any, Any]) -> bool:
    """Whether a constraint of the table may refuse a second row for the survivor."""
    meta = model._meta
    together = [set(names) for names in meta.unique_together]
    together += [set(one.fields) for one in meta.constraints if isinstance(one, models.UniqueConstraint)]
    return field.unique or any(field.name in names for names in together)


def _together(merge: Merge, model: type[models.Model], field: models.Field[Any, Any], ids: list[UUID]) -> list[UUID]:
    for start in range(0, len(ids), BATCH):
        rows_of(model, field, merge.loser_id).filter(pk__in=ids[start : start + BATCH]).update(
            **{f"{field.name}_id": merge.survivor_id}
        )
    return ids


def _one_by_one(merge: Merge, model: type[models.Model], field: models.Field[Any, Any], ids: list[UUID]) -> list[UUID]:
    done = []
    for row_id in ids:
        try:
            with atomic(DEFAULT):
                rows_of(model, field, merge.loser_id).filter(pk=row_id).update(
                    **{f"{field.name}_id": merge.survivor_id}
                )
        except IntegrityError:
            continue
        done.append(row_id)
    return done


def move_back(merge: Merge) -> tuple[int, int]:
    """Give back, row by row, what the journal says was moved. A row that is not the survivor's any more stays where it
    is, and is marked. Returns how many went back and how many stayed."""
    by_key: dict[tuple[str, str], list[MergeMove]] = defaultdict(list)
    keys = {(model._meta.label, field.name): (model, field) for model, field in references()}
    for row in MergeMove.objects.filter(merge=merge):
        if (row.model, row.field) in keys:
            by_key[row.model, row.field].append(row)
    back = stayed = 0
    for key, rows in by_key.items():
        model, field = keys[key]
        for start in range(0, len(rows), BATCH):
            batch = {row.row_id: row for row in rows[start : start + BATCH]}
            ours = rows_of(model, field, merge.survivor_id).filter(pk__in=list(batch))
            ready = set(ours.values_list("pk", flat=True))
            back += ours.update(**{f"{field.name}_id": merge.loser_id})
            lost = [row.pk for row_id, row in batch.items() if row_id not in ready]
            MergeMove.objects.filter(pk__in=lost).update(kept=True)
            stayed += len(lost)
    return back, stayed


# --- Values of a row --------------------------------------------------------------------------------------------------
def write_down(merge: Merge, model: str, row_id: UUID, field: str, old: object, new: object) -> None:
    """Journal one value that is about to change."""
    MergeMove.objects.create(merge=merge, model=model, row_id=row_id, field=field, old=as_text(old), new=as_text(new))


def as_text(value: object) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)


def from_text(field: Any, text: str) -> Any:
    value = json.loads(text)
    return None if value is None else field.to_python(value)
