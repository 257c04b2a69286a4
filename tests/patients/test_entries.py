"""What staff enter in the record: checked, corrected with a reason, withdrawn and never erased."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from medisecure.accounts.models import User
from medisecure.audit.models import AccessEntry
from medisecure.kernel import clock
from medisecure.kernel.errors import Conflict, Invalid, NotFound, Refused
from medisecure.kernel.ids import new_id
from patients import rules, services
from patients.interface import PatientCard, medical_record
from patients.models import Allergy, CareRelation, ClinicalChange, Condition, Encounter, MedicalRecord, Observation
from patients.rules import codes, vitals
from patients.services import EntryConflict, Unusual
from tests.cast import ALL_DATABASES
from tests.patients.forms import forms_of, main_of
from tests.patients.test_admin import LIST, signed_in

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def enter(actor: User, patient_id: UUID, kind: str = "condition", **values: Any) -> Any:
    return services.record_entry(
        actor=actor, patient_id=patient_id, kind=kind, entry_id=new_id(), values={"display": "Asthme", **values}
    )


def correct(actor: User, row: Any, kind: str = "condition", reason: str = "Relu", **values: Any) -> Any:
    return services.record_entry(
        actor=actor,
        patient_id=row.patient_id,
        kind=kind,
        entry_id=row.id,
        version=values.pop("version", row.version),
        reason=reason,
        values={"display": row.display, **values},
    )


def test_an_entry_is_stored_with_its_history_and_the_record_moves_on(dr_bose: User, care: UUID) -> None:
    before = MedicalRecord.objects.get(patient_id=care).version
    row = enter(dr_bose, care, code=" j45.9 ", code_system=codes.ICD10, severity="mild")
    assert (row.code, row.code_system, row.status, row.version) == ("J45.9", codes.ICD10, "active", 1)
    change = ClinicalChange.objects.get()
    assert (change.row_id, change.action, change.by_id, change.values["code"]) == (
        row.id,
        "create",
        dr_bose.id,
        "J45.9",
    )
    assert MedicalRecord.objects.get(patient_id=care).version == before + 1
    assert AccessEntry.objects.filter(actor_id=dr_bose.id, action="write", resource="condition").count() == 1


def test_a_correction_needs_a_reason_and_keeps_what_was(dr_bose: User, care: UUID) -> None:
    row = enter(dr_bose, care)
    with pytest.raises(Invalid) as caught:
        correct(dr_bose, row, reason=" ", display="Asthme sévère")
    assert list(caught.value.errors) == ["reason"]
    correct(dr_bose, row, display="Asthme sévère", reason="Après spirométrie")
    found = ClinicalChange.objects.filter(row_id=row.id).values_list("version", "action", "reason", "values__display")
    assert list(found) == [(1, "create", "", "Asthme"), (2, "change", "Après spirométrie", "Asthme sévère")]


def test_an_imported_entry_that_is_corrected_keeps_how_it_came(dr_bose: User, care: UUID) -> None:
    row = Condition.objects.create(patient_id=care, display="Asthma", status="active")
    correct(dr_bose, row, display="Asthme")
    assert list(ClinicalChange.objects.values_list("action", "values__display")) == [
        ("before", "Asthma"),
        ("change", "Asthme"),
    ]


def test_who_was_overtaken_is_told_what_it_says_now(dr_bose: User, nurse_chen: User, care: UUID) -> None:
    row = enter(dr_bose, care)
    correct(nurse_chen, row, display="Asthme allergique")
    with pytest.raises(EntryConflict) as caught:
        correct(dr_bose, row, display="Asthme d’effort", version=1)
    assert caught.value.values["display"] == "Asthme allergique"
    assert Condition.objects.get().display == "Asthme allergique"


def test_withdrawn_leaves_the_record_and_stays_in_the_history(dr_bose: User, care: UUID) -> None:
    row = enter(dr_bose, care)
    with pytest.raises(Invalid):
        services.withdraw_entry(actor=dr_bose, patient_id=care, kind="condition", entry_id=row.id, version=1, reason="")
    services.withdraw_entry(
        actor=dr_bose, patient_id=care, kind="condition", entry_id=row.id, version=1, reason="Autre patient"
    )
    assert medical_record(actor=dr_bose, patient_id=care, purpose="care")[0]["conditions"] == []
    assert ClinicalChange.objects.filter(action="withdraw", reason="Autre patient").count() == 1
    assert Condition.objects.count() == 1


def test_the_same_form_twice_is_one_entry(dr_bose: User, care: UUID) -> None:
    entry_id = new_id()
    arguments: dict[str, Any] = {"actor": dr_bose, "patient_id": care, "kind": "allergy", "entry_id": entry_id}
    for _time in range(2):
        services.record_entry(**arguments, values={"display": "Latex"})
    with pytest.raises(EntryConflict):
        services.record_entry(**arguments, values={"display": "Arachide"})
    assert Allergy.objects.count() == ClinicalChange.objects.count() == 1


@pytest.mark.parametrize(
    ("kind", "values", "field"),
    [
        ("condition", {"display": " "}, "display"),
        ("condition", {"display": "a\0b"}, "display"),
        ("condition", {"display": "x" * 5001}, "display"),
        ("condition", {"code": "E11.9"}, "code_system"),
        ("condition", {"code": "EE.9", "code_system": codes.ICD10}, "code"),
        ("condition", {"code": "8867-5", "code_system": codes.LOINC}, "code"),
        ("condition", {"code": "38341004", "code_system": codes.SNOMED_CT}, "code"),
        ("condition", {"status": "haiku"}, "status"),
        ("condition", {"severity": "haiku"}, "severity"),
        ("condition", {"started_at": datetime(2031, 1, 1, tzinfo=UTC)}, "started_at"),
        ("condition", {"started_at": datetime(1979, 1, 1, tzinfo=UTC)}, "started_at"),
        (
            "condition",
            {"started_at": datetime(2020, 1, 2, tzinfo=UTC), "ended_at": datetime(2020, 1, 1, tzinfo=UTC)},
            "ended_at",
        ),
        ("medication", {"code": "X10BA02", "code_system": codes.ATC}, "code"),
        ("immunization", {}, "started_at"),
        ("allergy", {"reactions": "x" * 201}, "reactions"),
        ("allergy", {"encounter_id": UUID(int=7)}, "encounter_id"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(
    dr_bose: User, care: UUID, kind: str, values: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as caught:
        enter(dr_bose, care, kind, **values)
    assert list(caught.value.errors) == [field]
    assert not ClinicalChange.objects.exists()


def test_none_known_is_an_answer_with_who_and_when(dr_bose: User, nurse_chen: User, care: UUID) -> None:
    services.assert_no_known_allergy(actor=nurse_chen, patient_id=care, entry_id=new_id())
    services.assert_no_known_allergy(actor=nurse_chen, patient_id=care, entry_id=new_id())
    (row,) = Allergy.objects.all()
    assert (row.code, row.code_system) == (rules.NO_KNOWN_ALLERGY, codes.SNOMED_CT)
    assert ClinicalChange.objects.get().by_id == nurse_chen.id
    # An allergy that is found later ends the answer; and with one listed nobody says that there is none.
    enter(dr_bose, care, "allergy", display="Pénicilline", criticality="high")
    row.refresh_from_db()
    assert row.status == "inactive"
    with pytest.raises(Conflict):
        services.assert_no_known_allergy(actor=nurse_chen, patient_id=care, entry_id=new_id())


def test_an_encounter_opens_the_record_to_who_gave_the_care(dr_bose: User, bose_card: Any, care: UUID) -> None:
    row = enter(dr_bose, care, "encounter", display="Visite", started_at=clock.now(), status="finished")
    relation = CareRelation.objects.get(reference=row.id)
    assert (relation.practitioner_id, relation.active) == (bose_card.id, True)
    services.withdraw_entry(
        actor=dr_bose, patient_id=care, kind="encounter", entry_id=row.id, version=1, reason="Pas venu"
    )
    assert not CareRelation.objects.get(reference=row.id).active


@pytest.mark.parametrize("who", ["rita", "carol", "alice", "asha"])
def test_nobody_else_enters_anything(request: pytest.FixtureRequest, who: str, care: UUID) -> None:
    actor = request.getfixturevalue(who)
    with pytest.raises(Refused):
        enter(actor, care)
    with pytest.raises(Refused):
        take(actor, care, heart_rate="72")


def test_out_of_sight_is_not_found(dr_bose: User, dan: User, care: UUID, dan_card: PatientCard) -> None:
    with pytest.raises(NotFound):
        enter(dr_bose, dan_card.id)
    with pytest.raises(NotFound):
        enter(dan, care)
    row = enter(dr_bose, care)
    with pytest.raises(NotFound):
        services.withdraw_entry(
            actor=dr_bose, patient_id=dan_card.id, kind="condition", entry_id=row.id, version=1, reason="x"
        )


@pytest.mark.parametrize("statement", ["UPDATE clinical_changes SET reason = 'x'", "DELETE FROM clinical_changes"])
def test_the_database_keeps_the_history(dr_bose: User, care: UUID, statement: str) -> None:
    enter(dr_bose, care)
    with pytest.raises(DatabaseError, match="signed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


# --- Vital signs ------------------------------------------------------------------------------------------------------
def take(actor: User, patient_id: UUID, **values: Any) -> list[Observation]:
    known: dict[str, Any] = {
        name: values.pop(name) for name in ("form_id", "taken_at", "confirmed", "encounter_id") if name in values
    }
    return services.record_vitals(
        actor=actor,
        patient_id=patient_id,
        **{"form_id": new_id(), "taken_at": clock.now(), **known},
        values=values,
    )


def test_vital_signs_are_stored_with_codes_units_and_their_own_digits(nurse_chen: User, care: UUID) -> None:
    take(nurse_chen, care, systolic="120", diastolic="80", temperature="37,0", pain="0")
    rows = {row.code: row for row in Observation.objects.all()}
    assert set(rows) == {"85354-9", "8310-5", "72514-3"}
    assert (rows["8310-5"].quantity, rows["8310-5"].number, rows["8310-5"].unit) == ("37.0", 37.0, "Cel")
    assert [(part["code"], part["quantity"]) for part in rows["85354-9"].components] == [
        ("8480-6", "120"),
        ("8462-4", "80"),
    ]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"heart_rate": "500"}, "heart_rate"),
        ({"temperature": "98.6"}, "temperature"),
        ({"temperature": "36.66"}, "temperature"),
        ({"oxygen_saturation": "101"}, "oxygen_saturation"),
        ({"weight": "abc"}, "weight"),
        ({"weight": "1e3"}, "weight"),
        ({"weight": "٧٠"}, "weight"),
        ({"weight": "NaN"}, "weight"),
        ({"systolic": "80", "diastolic": "120"}, "diastolic"),
        ({"mood": "3"}, "mood"),
        ({}, "heart_rate"),
        ({"pain": "5", "taken_at": clock.now() + timedelta(days=2)}, "taken_at"),
    ],
)
def test_what_cannot_be_measured_is_refused_and_nothing_is_stored(
    nurse_chen: User, care: UUID, values: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as caught:
        take(nurse_chen, care, **{"respiratory_rate": "16", **values} if values and "mood" not in values else values)
    assert field in caught.value.errors
    assert not Observation.objects.exists()


def test_what_is_unusual_is_asked_back_once(nurse_chen: User, care: UUID) -> None:
    with pytest.raises(Unusual) as caught:
        take(nurse_chen, care, heart_rate="190", temperature="37")
    assert list(caught.value.errors) == ["heart_rate"]
    assert not Observation.objects.exists()
    take(nurse_chen, care, heart_rate="190", temperature="37", confirmed=True)
    assert Observation.objects.count() == 2


def test_the_same_measurement_twice_is_stored_once(nurse_chen: User, care: UUID) -> None:
    form_id = new_id()
    for _time in range(2):
        take(nurse_chen, care, heart_rate="72", form_id=form_id)
    assert Observation.objects.count() == ClinicalChange.objects.count() == 1


@given(st.text(max_size=12))
def test_any_text_is_a_number_or_none(text: str) -> None:
    value = vitals.read_number(text)
    assert value is None or value.is_finite()


def test_every_sign_has_a_real_code_and_sensible_limits() -> None:
    for sign in vitals.SIGNS.values():
        assert codes.possible_code(codes.LOINC, sign.code), sign.key
        assert sign.impossible[0] <= sign.unusual[0] < sign.unusual[1] <= sign.impossible[1]
        if sign.usual:
            assert sign.unusual[0] <= sign.usual[0] < sign.usual[1] <= sign.unusual[1]


# --- Pages ------------------------------------------------------------------------------------------------------------
def record_page(patient_id: UUID, *parts: object) -> str:
    return f"{LIST}{patient_id}/record/" + "".join(f"{part}/" for part in parts)


def test_a_nurse_takes_vital_signs_and_confirms_what_is_rare(client: Client, nurse_chen: User, care: UUID) -> None:
    signed_in(client, nurse_chen)
    path = record_page(care, "vital-signs")
    (form,) = [found for found in forms_of(main_of(client.get(path).content.decode())) if found.method == "post"]
    form.values |= {"heart_rate": "190", "weight": "70,5"}
    response = client.post(path, form.values)
    html = response.content.decode()
    assert response.status_code == 422
    assert 'name="confirmed"' in html
    assert 'value="70,5"' in html
    assert client.post(path, {**form.values, "confirmed": "on"}).status_code == 302
    assert Observation.objects.count() == 2


def test_a_doctor_enters_corrects_and_withdraws_on_the_page(client: Client, dr_bose: User, care: UUID) -> None:
    signed_in(client, dr_bose)
    response = client.get(record_page(care, "allergy", "add"), follow=True)
    path = str(response.request["PATH_INFO"])
    form = next(found for found in forms_of(main_of(response.content.decode())) if "display" in found.values)
    assert client.post(path, {**form.values, "display": ""}).status_code == 422
    form.values |= {"display": "Pénicilline", "criticality": "high", "reactions": "Urticaire\nŒdème"}
    assert client.post(path, form.values).status_code == 302
    row = Allergy.objects.get()
    assert [item["display"] for item in row.reactions] == ["Urticaire", "Œdème"]
    assert "Pénicilline" in client.get(record_page(care)).content.decode()
    # Somebody else corrects it; this page is stale, and what was typed stays.
    stale = next(found for found in forms_of(main_of(client.get(path).content.decode())) if "display" in found.values)
    Allergy.objects.filter(id=row.id).update(version=2)
    answer = client.post(path, {**stale.values, "display": "Amoxicilline", "why": "Précision"})
    assert answer.status_code == 409
    assert "Amoxicilline" in answer.content.decode()
    fresh = next(found for found in forms_of(main_of(client.get(path).content.decode())) if "reason" in found.values)
    assert client.post(path, {**fresh.values, "reason": "Erreur", "step": "withdraw"}).status_code == 302
    assert Allergy.objects.get().verification == "entered-in-error"
    assert "Erreur" in client.get(path).content.decode()


def test_one_button_says_that_no_allergy_is_known(client: Client, dr_bose: User, care: UUID) -> None:
    signed_in(client, dr_bose)
    response = client.post(record_page(care, "no-known-allergy"), {"patient_id": str(care)}, follow=True)
    assert "ws-allergies-none-known" in response.content.decode()


def test_a_kind_that_there_is_not_is_not_found(client: Client, dr_bose: User, care: UUID) -> None:
    signed_in(client, dr_bose)
    for parts in (("poem", "add"), ("poem", new_id()), ("allergy", new_id())):
        assert client.get(record_page(care, *parts)).status_code == 404


def test_reception_enters_nothing(client: Client, rita: User, care: UUID) -> None:
    signed_in(client, rita)
    for parts in (("vital-signs",), ("allergy", new_id()), ("no-known-allergy",)):
        assert client.post(record_page(care, *parts), {"patient_id": str(care)}).status_code == 403
    assert not Encounter.objects.exists()
