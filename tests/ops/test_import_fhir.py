"""`import_fhir`: whole bundles or nothing, once or twice the same, and a plain reason for what is refused."""

from __future__ import annotations

import json
import secrets
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from documents.models import Document
from medisecure.audit.models import AccessEntry
from medisecure.kernel.objects import documents as documents_bucket
from medisecure.ops.fhir.importer import import_bundle
from patients.models import (
    CLINICAL_MODELS,
    Allergy,
    CareRelation,
    Condition,
    Coverage,
    Encounter,
    Immunization,
    MedicalRecord,
    Medication,
    Observation,
    Patient,
    PatientIdentifier,
    Practitioner,
    Procedure,
)
from tests.cast import ALL_DATABASES
from tests.fhir_data import NOTE, Resource, bundle, changed, entries, rows, urn, write

pytestmark = pytest.mark.django_db(databases=ALL_DATABASES)


def run(*paths: Path, **options: Any) -> str:
    out = StringIO()
    call_command("import_fhir", *map(str, paths), stdout=out, stderr=out, quiet=True, **options)
    return out.getvalue()


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write(tmp_path / "good.json.gz", bundle(entries()))


def test_every_resource_becomes_a_row(good: Path) -> None:
    result = import_bundle(good, source="fhir")
    assert result.created.total() == 13
    assert result.not_taken == {"Claim": 1, "RelatedPerson": 1}
    patient = Patient.objects.get()
    assert (patient.family_name, patient.used_name, patient.given_names) == ("Núñez7", "Lefèvre123", "Élodie Marie")
    assert str(patient.birth_date) == "1980-05-02"
    assert (patient.sex, patient.language, patient.city) == ("female", "es", "Lyon")
    assert patient.address_line == "1 rue de la Paix, Esc. B"
    assert patient.identity_status == "provisional"
    assert "nunez7" in patient.search_text
    doctor = Practitioner.objects.get()
    assert (doctor.full_name, doctor.specialty) == ("Dr. Anil Bose", "internal-medicine")
    encounter = Encounter.objects.get()
    assert (encounter.practitioner, encounter.reason, encounter.class_code) == (doctor, "Yearly visit", "AMB")
    assert encounter.started_at is not None
    assert encounter.started_at.isoformat() == "2024-03-01T08:00:00.123000+00:00"
    for model in CLINICAL_MODELS:
        assert set(model._default_manager.values_list("patient_id", flat=True)) == {patient.id}, model


def test_codes_keep_their_system_and_dates_their_precision(good: Path) -> None:
    import_bundle(good, source="fhir")
    condition = Condition.objects.get()
    assert (condition.code_system, condition.code) == ("http://hl7.org/fhir/sid/icd-10", "I10")
    assert condition.other_codings == [
        {"code": "38341003", "system": "http://snomed.info/sct", "display": "Hypertensive disorder"}
    ]
    assert condition.started_precision == "month"
    assert str(condition.started_at) == "2019-06-01 00:00:00+00:00"
    assert Immunization.objects.get().started_precision == "day"
    assert Coverage.objects.get().started_precision == "year"


def test_values_are_kept_as_they_were_written(tmp_path: Path) -> None:
    text = json.dumps(bundle(entries())).replace("61.5,", "61.50,")
    path = tmp_path / "one.json"
    path.write_text(text, encoding="utf-8")
    import_bundle(path, source="fhir")
    weight = Observation.objects.get(code="29463-7")
    assert (weight.quantity, weight.number, weight.unit) == ("61.50", 61.5, "kg")
    pressure = Observation.objects.get(code="85354-9")
    assert pressure.components[0]["quantity"] == "121"
    assert Medication.objects.get().dosage == "5 mg, 1 × / 1 d"
    assert Medication.objects.get().practitioner == Practitioner.objects.get()
    assert Allergy.objects.get().reactions == [{"display": "Rash", "severity": "mild"}]
    assert Procedure.objects.get().ended_at is not None


def test_a_document_keeps_its_bytes(good: Path) -> None:
    import_bundle(good, source="fhir")
    document = Document.objects.get()
    assert document.patient_id == Patient.objects.get().id
    with documents_bucket().open(document.key) as file:
        assert file.read().decode() == NOTE


def test_an_encounter_with_a_practitioner_is_a_care_relation(good: Path) -> None:
    import_bundle(good, source="fhir")
    relation, encounter = CareRelation.objects.get(), Encounter.objects.get()
    assert (relation.reference, relation.practitioner_id) == (encounter.id, encounter.practitioner_id)
    assert (relation.starts_at, relation.ends_at) == (encounter.started_at, encounter.ended_at)


def test_a_second_import_changes_nothing(good: Path) -> None:
    import_bundle(good, source="fhir")
    before = rows()
    again = import_bundle(good, source="fhir")
    assert (again.created.total(), again.changed.total(), again.unchanged.total()) == (0, 0, 13)
    assert rows() == before
    assert MedicalRecord.objects.get().version == 1


def test_a_second_import_leaves_alone_what_people_corrected(good: Path) -> None:
    import_bundle(good, source="fhir")
    Patient.objects.update(phone="0102030405")
    import_bundle(good, source="fhir")
    assert Patient.objects.get().phone == "0102030405"


def test_what_the_source_changed_is_changed(good: Path, tmp_path: Path) -> None:
    import_bundle(good, source="fhir")
    number = Patient.objects.get().record_number

    def resolve(condition: Resource) -> None:
        condition["clinicalStatus"]["coding"][0]["code"] = "resolved"

    def marry(patient: Resource) -> None:
        patient["name"][0]["family"] = "Blanc"

    items = changed(changed(entries(), "con", resolve), "pat", marry)
    result = import_bundle(write(tmp_path / "later.json", bundle(items)), source="fhir")
    assert result.created.total() == 0
    assert +result.changed == {"Condition": 1, "Patient": 1}
    assert Condition.objects.get().status == "resolved"
    patient = Patient.objects.get()
    assert (patient.used_name, patient.record_number) == ("Blanc", number)
    assert "blanc" in patient.search_text
    assert MedicalRecord.objects.get().version == 2


def test_an_encounter_that_moves_takes_its_care_relation_along(good: Path, tmp_path: Path) -> None:
    import_bundle(good, source="fhir")

    def cancel(encounter: Resource) -> None:
        encounter["status"] = "cancelled"

    import_bundle(write(tmp_path / "later.json", bundle(changed(entries(), "enc", cancel))), source="fhir")
    assert CareRelation.objects.get().active is False


def test_two_sources_may_use_the_same_ids(good: Path) -> None:
    import_bundle(good, source="north")
    assert import_bundle(good, source="south").created.total() == 13
    assert Patient.objects.count() == 2


def test_a_later_bundle_may_refer_to_an_earlier_one(good: Path, tmp_path: Path) -> None:
    import_bundle(good, source="fhir")
    observation = changed(entries(), "obs", lambda item: item)[6]
    patient_id = urn("pat").removeprefix("urn:uuid:")
    observation["resource"]["id"] = "weight-2"
    observation["fullUrl"] = "urn:uuid:weight-2"
    observation["resource"]["subject"] = {"reference": f"https://example.org/fhir/Patient/{patient_id}"}
    del observation["resource"]["encounter"]
    result = import_bundle(write(tmp_path / "later.json", bundle([observation])), source="fhir")
    assert result.created == {"Observation": 1}
    assert Observation.objects.filter(patient=Patient.objects.get()).count() == 3


def test_a_practitioner_may_be_named_by_their_number(tmp_path: Path) -> None:
    def numbered(doctor: Resource) -> None:
        doctor["identifier"] = [{"system": "urn:rpps", "value": "10001"}]

    def by_number(encounter: Resource) -> None:
        encounter["participant"] = [{"individual": {"reference": "Practitioner?identifier=urn:rpps|10001"}}]

    items = changed(changed(entries(), "doc", numbered), "enc", by_number)
    import_bundle(write(tmp_path / "one.json", bundle(items)), source="fhir")
    assert Encounter.objects.get().practitioner == Practitioner.objects.get()


def test_a_dry_run_compares_and_writes_nothing(good: Path) -> None:
    before = rows()
    result = import_bundle(good, source="fhir", dry_run=True)
    assert result.created.total() == 12
    assert result.unchecked == {"DocumentReference": 1}
    assert rows() == before
    import_bundle(good, source="fhir")
    assert import_bundle(good, source="fhir", dry_run=True).unchanged.total() == 12


def test_each_import_of_a_record_is_in_the_access_log(good: Path) -> None:
    import_bundle(good, source="fhir")
    entry = AccessEntry.objects.get()
    assert (entry.actor_id, entry.patient_id, entry.action) == (None, Patient.objects.get().id, "import")


def test_what_fails_while_writing_leaves_neither_rows_nor_objects(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from patients.interface import RecordImport

    stored: list[str] = []
    save = documents_bucket().__class__.save

    def remember(self: Any, key: str, content: Any, content_type: str = "") -> str:
        stored.append(save(self, key, content, content_type))
        return stored[-1]

    def fail(self: RecordImport) -> None:
        raise RuntimeError("the power went")

    monkeypatch.setattr(documents_bucket().__class__, "save", remember)
    monkeypatch.setattr(RecordImport, "finish", fail)
    before = rows()
    with pytest.raises(RuntimeError):
        import_bundle(good, source="fhir")
    assert rows() == before
    assert len(stored) == 1
    assert not documents_bucket().exists(stored[0])


def test_the_command_takes_folders_and_goes_on_after_a_broken_bundle(tmp_path: Path) -> None:
    folder = tmp_path / "bundles"
    (folder / "deeper").mkdir(parents=True)
    write(folder / "a.json", bundle(entries("a")))
    write(folder / "b.json", bundle(changed(entries("b"), "bpat", lambda patient: patient.__setitem__("gender", "F"))))
    write(folder / "deeper" / "c.json.gz", bundle(entries("c")))
    (folder / "readme.txt").write_text("not a bundle", encoding="utf-8")
    out = StringIO()
    with pytest.raises(CommandError, match="1 of 3 bundles refused") as caught:
        call_command("import_fhir", str(folder), stdout=out, stderr=out)
    assert caught.value.returncode == 1
    text = out.getvalue()
    assert f"refused: {folder / 'b.json'}: entry 0 ({urn('bpat')}): Patient.gender" in text
    assert "2 bundles, 26 created, 0 changed" in text
    assert Patient.objects.count() == 2


def test_the_table_counts_what_is_not_taken(good: Path) -> None:
    table = {line.split()[0]: line.split()[1:] for line in run(good).splitlines() if line}
    assert table["Claim"] == ["1", "-", "-", "-", "1"]
    assert table["Observation"] == ["2", "2", "-", "-", "-"]
    assert "0 created, 0 changed, 13 unchanged, 2 not taken" in run(good)
    assert "nothing was written" in run(good, dry_run=True)


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no such file or folder"):
        run(tmp_path / "nowhere")
    with pytest.raises(CommandError, match=r"no \.json"):
        run(tmp_path)


def test_an_import_takes_few_queries(tmp_path: Path, django_assert_max_num_queries: Any) -> None:
    items = entries()
    many = [changed(items, "obs", lambda item: item)[6] for _index in range(1200)]
    for index, item in enumerate(many):
        item["fullUrl"] = f"urn:uuid:many-{index}"
        item["resource"]["id"] = f"many-{index}"
    path = write(tmp_path / "many.json", bundle([*items, *many]))
    with django_assert_max_num_queries(80):
        assert import_bundle(path, source="fhir").created["Observation"] == 1202


# --- numbers of patients ----------------------------------------------------------------------------------------------
SSN = {"system": "http://hl7.org/fhir/sid/us-ssn", "value": "999-12-3456"}
PASSPORT = {"type": {"coding": [{"code": "PPN"}]}, "system": "http://example.org/passport", "value": "X1234567X"}
CHART = {"system": "http://other.example.org", "value": "mrn/77-12", "period": {"start": "2020-01-05"}}


def identified(path: Path, *numbers: Resource, prefix: str = "") -> Path:
    found = entries(prefix)
    patient = next(item["resource"] for item in found if item["resource"]["resourceType"] == "Patient")
    # The resource's own id is with every row already.
    patient["identifier"] = [{"system": "http://example.org/id", "value": patient["id"]}, *numbers]
    return write(path, bundle(found))


def test_the_numbers_that_a_source_brings_are_kept_encrypted(tmp_path: Path) -> None:
    path = identified(tmp_path / "a.json", SSN, PASSPORT, CHART)
    assert import_bundle(path, source="fhir").created.total() == 13
    rows = {row.kind: row for row in PatientIdentifier.objects.all()}
    assert {kind: row.value for kind, row in rows.items()} == {
        "us-ssn": "999123456",
        "passport": "X1234567X",
        "other": "MRN7712",
    }
    assert (rows["other"].system, str(rows["other"].started_on)) == ("http://other.example.org", "2020-01-05")
    assert "999123456" not in str(PatientIdentifier.objects.values_list())
    before = list(PatientIdentifier.objects.order_by("id").values())
    assert import_bundle(path, source="fhir").changed.total() == 0
    assert list(PatientIdentifier.objects.order_by("id").values()) == before


def test_a_number_of_another_patient_is_kept_as_disputed(tmp_path: Path) -> None:
    import_bundle(identified(tmp_path / "a.json", SSN), source="fhir")
    import_bundle(identified(tmp_path / "b.json", SSN, prefix="b"), source="fhir")
    assert list(PatientIdentifier.objects.order_by("id").values_list("status", flat=True)) == ["active", "disputed"]


def test_a_member_number_is_kept_encrypted(tmp_path: Path) -> None:
    found = entries()
    next(item["resource"] for item in found if item["resource"]["resourceType"] == "Coverage")["subscriberId"] = (
        "M77123456"
    )
    good = write(tmp_path / "good.json", bundle(found))
    import_bundle(good, source="fhir")
    assert Coverage.objects.get().member_number == "M77123456"
    assert "M77123456" not in str(Coverage.objects.values_list())
    assert import_bundle(good, source="fhir").changed.total() == 0


def test_a_changed_key_leaves_what_the_source_says_unchanged(good: Path, settings: Any) -> None:
    import_bundle(good, source="fhir")
    settings.FIELD_KEYS = [secrets.token_bytes(32), *settings.FIELD_KEYS]
    assert import_bundle(good, source="fhir").changed.total() == 0
