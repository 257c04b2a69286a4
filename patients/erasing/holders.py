"""Who keeps what of a patient, and erases it when it has been decided. Apps above this one register themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from django.db.models import Model, QuerySet

from medisecure.accounts.interface import erase_account, is_staff
from medisecure.kernel import clock
from medisecure.kernel.cache import SEARCH_SCOPE, forget_on_commit
from medisecure.kernel.databases import DEFAULT
from medisecure.notifications.interface import count_about, erase_about
from patients.exporting.jobs import forget_exports
from patients.exporting.tables import related_models
from patients.models import (
    CLINICAL_MODELS,
    DataProtection,
    ErasureDecision,
    ErasureRequest,
    MedicalRecord,
    Patient,
    RecordExport,
)
from patients.rules.rights import Category
from patients.services.forgetting import forget_patient

#: What stands for a name that was erased.
ERASED: Final = "—"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """One app's rows of one category. `erase` runs in one transaction on the app's own database, may be run again
    after a crash, and returns how many rows went."""

    category: Category
    count: Callable[[UUID], int]
    erase: Callable[[UUID], int]
    #: The day of the last thing that counts for how long the category is kept; None when there is none.
    last_day: Callable[[UUID], date | None] = lambda patient_id: None
    #: Visits to come: who has one is still being treated.
    upcoming: Callable[[UUID], int] = lambda patient_id: 0
    #: Whether something of it must be kept whatever is due: a single item is under a legal hold.
    held: Callable[[UUID], bool] = lambda patient_id: False


_holders: dict[str, Holder] = {}


def register_data_holder(name: str, holder: Holder) -> None:
    """Called from AppConfig.ready(). Raises ValueError for a name that is taken."""
    if _holders.get(name, holder) is not holder:
        raise ValueError(f"data holder {name!r} is registered already")
    _holders[name] = holder


def holders(category: Category | None = None) -> Iterator[Holder]:
    """Those of other apps first: a document must go before the encounter it may name."""
    for holder in (*_holders.values(), *_OWN):
        if category is None or holder.category is category:
            yield holder


def is_held(patient_id: UUID) -> bool:
    """A legal hold stands over the patient's data, or over an item of them."""
    if DataProtection.objects.filter(patient_id=patient_id, legal_hold=True).exists():
        return True
    return any(holder.held(patient_id) for holder in holders())


def counts(patient_id: UUID) -> Mapping[Category, int]:
    found = dict.fromkeys(Category, 0)
    for holder in holders():
        found[holder.category] += holder.count(patient_id)
    return found


# --- The record -------------------------------------------------------------------------------------------------------
#: What is no clinical record: these have a category of their own, or tell of the requests themselves.
_NOT_CLINICAL: Final = frozenset({RecordExport, DataProtection, ErasureRequest, ErasureDecision, MedicalRecord})
#: Tables that say who the person is and how to reach them; they go with the identity.
IDENTITY_TABLES: Final = frozenset({"patient_identifiers", "identity_checks", "emergency_contacts", "representations"})


def _record_models() -> list[tuple[type[Model], str]]:
    """(model, link), whatever refers to encounters before the encounters. Documents are their own app's."""
    found = [
        (model, link)
        for model, link in related_models().items()
        if model not in _NOT_CLINICAL
        and model._meta.db_table not in IDENTITY_TABLES
        and model._meta.app_label == "patients"
    ]
    order: dict[type[Model], int] = {model: -place for place, model in enumerate(CLINICAL_MODELS)}
    return sorted(found, key=lambda pair: order.get(pair[0], -len(order)))


def _rows(model: type[Model], link: str, patient_id: UUID) -> QuerySet[Any]:
    return model._default_manager.filter(**{f"{link}_id": patient_id})


def _count_record(patient_id: UUID) -> int:
    return sum(_rows(model, link, patient_id).count() for model, link in _record_models())


def _erase_record(patient_id: UUID) -> int:
    count = sum(erase_rows(_rows(model, link, patient_id)) for model, link in _record_models())
    forget_patient(patient_id)
    return count


def erase_rows(rows: QuerySet[Any]) -> int:
    """Delete rows and, before them, whatever points to them: foreign keys here protect, on purpose, so that nothing
    but this function takes a record apart."""
    ids = list(rows.values_list("pk", flat=True))
    if not ids:
        return 0
    count = 0
    for relation in rows.model._meta.get_fields(include_hidden=True):
        if not relation.auto_created or relation.concrete or relation.many_to_many:
            continue
        children = relation.related_model._default_manager.filter(**{f"{relation.field.name}__in": ids})
        if relation.related_model is rows.model:
            children.update(**{relation.field.name: None})
        else:
            count += erase_rows(children)
    for start in range(0, len(ids), 500):
        batch = rows.model._default_manager.filter(pk__in=ids[start : start + 500])
        count += int(batch._raw_delete(batch.db) or 0)
    return count


def _last_encounter(patient_id: UUID) -> date | None:
    from patients.models import Encounter

    days = [
        max(instant for instant in (started, ended) if instant)
        for started, ended in Encounter.objects.filter(patient_id=patient_id).values_list("started_at", "ended_at")
        if started or ended
    ]
    # An encounter that is planned is no visit yet.
    past = [day for day in days if day <= clock.now()]
    return max(past).date() if past else None


# --- Contact, account, messages, identity -----------------------------------------------------------------------------
_CONTACT: Final = ("phone", "phone_key", "email", "address_line", "postal_code", "city", "region", "country")


def _count_contact(patient_id: UUID) -> int:
    row = Patient.objects.filter(id=patient_id).values(*_CONTACT).first()
    return int(row is not None and any(row.values()))


def _erase_contact(patient_id: UUID) -> int:
    rows = Patient.objects.filter(id=patient_id)
    changed = _count_contact(patient_id)
    rows.update(**dict.fromkeys(_CONTACT, ""), changed_at=clock.now())
    forget_patient(patient_id)
    return changed


def _account(patient_id: UUID) -> UUID | None:
    return Patient.objects.filter(id=patient_id).values_list("user_id", flat=True).first()


def _count_account(patient_id: UUID) -> int:
    return int(_account(patient_id) is not None)


def _erase_account(patient_id: UUID) -> int:
    user_id = _account(patient_id)
    if user_id is None:
        return 0
    Patient.objects.filter(id=patient_id).update(user=None, changed_at=clock.now())
    # Who works here keeps the account of their work; it is no longer a patient's.
    if not is_staff(user_id):
        erase_account(user_id)
    forget_patient(patient_id)
    return 1


def _count_messages(patient_id: UUID) -> int:
    user_id = _account(patient_id)
    return count_about(user_id) if user_id else 0


def _erase_messages(patient_id: UUID) -> int:
    user_id = _account(patient_id)
    return erase_about(user_id) if user_id else 0


def _erase_identity(patient_id: UUID) -> int:
    """The row stays under its number, which invoices and the log name, and says nothing of anyone."""
    rows = Patient.objects.filter(id=patient_id)
    before = rows.values_list("search_text", flat=True).first()
    if before is None:
        return 0
    others = [pair for pair in related_models().items() if pair[0]._meta.db_table in IDENTITY_TABLES]
    count = sum(erase_rows(_rows(model, link, patient_id)) for model, link in others)
    rows.update(
        **dict.fromkeys(_CONTACT, ""),
        family_name=ERASED,
        given_names="",
        used_name="",
        birth_date=None,
        deceased_at=None,
        deceased=False,
        sex="unknown",
        search_text="",
        source_system="",
        source_id="",
        source_digest="",
        active=False,
        changed_at=clock.now(),
    )
    forget_words(before)
    forget_patient(patient_id)
    return count + 1


def forget_words(search_text: str) -> None:
    """Names that nobody has any more leave the list that misspelt ones are compared with (PostgreSQL)."""
    from django.db import connections

    connection = connections[DEFAULT]
    words = search_text.split()
    if connection.vendor != "postgresql" or not words:
        return
    forget_on_commit(DEFAULT, SEARCH_SCOPE)
    with connection.cursor() as cursor:
        for word in words:
            # As the search has it: words are separated by blanks, and a name is found by its beginning.
            has = Patient.objects.filter(search_text__contains=f" {word} ") | Patient.objects.filter(
                search_text__endswith=f" {word}"
            )
            if not has.exclude(data_protection__restricted_at__isnull=False).exists():
                cursor.execute("DELETE FROM patient_words WHERE word = %s", [word])


_OWN: Final = (
    Holder(category=Category.RECORD, count=_count_record, erase=_erase_record, last_day=_last_encounter),
    Holder(
        category=Category.COPIES,
        count=lambda patient_id: RecordExport.objects.filter(patient_id=patient_id).count(),
        erase=forget_exports,
    ),
    Holder(category=Category.MESSAGES, count=_count_messages, erase=_erase_messages),
    Holder(category=Category.CONTACT, count=_count_contact, erase=_erase_contact),
    Holder(category=Category.ACCOUNT, count=_count_account, erase=_erase_account),
    Holder(category=Category.IDENTITY, count=lambda patient_id: 1, erase=_erase_identity),
)
