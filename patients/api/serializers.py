"""Shapes of the API: what comes in is checked for its type here and by the services for its sense."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from patients.models import EmergencyAccess, EmergencyContact, IdentityCheck
from patients.models.people import IdentityStatus, Precision, Sex
from patients.rules import KINDS

#: Text and not an enumeration in the document: generators of clients would make one type for each of the fields.
_KNOWN = f"How much of the date is known: {', '.join(Precision.values)}."


class PatientLine(serializers.Serializer[Any]):
    """A patient in a list."""

    id = serializers.UUIDField()
    record_number = serializers.CharField()
    full_name = serializers.CharField()
    birth_date = serializers.DateField(allow_null=True)
    sex = serializers.ChoiceField(choices=Sex.choices)
    active = serializers.BooleanField()


class IdentifierOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.CharField(help_text=f"One of: {', '.join(KINDS)}.")
    country = serializers.CharField()
    system = serializers.CharField(help_text="Who gives it, where the kind does not say so.")
    masked = serializers.CharField(help_text="Hidden but for its last three characters.")
    status = serializers.CharField(help_text="active, old, or disputed: another patient has it too.")
    started_on = serializers.DateField(allow_null=True)
    ended_on = serializers.DateField(allow_null=True)
    doubts = serializers.CharField(help_text="What of the traits it does not agree with, in words; empty when it does.")


class IdentifierIn(serializers.Serializer[Any]):
    kind = serializers.CharField(help_text=f"One of: {', '.join(KINDS)}.")
    value = serializers.CharField(help_text="Blanks, dots and hyphens are passed over.")
    country = serializers.CharField(required=False, allow_blank=True, default="")
    system = serializers.CharField(required=False, allow_blank=True, default="")
    started_on = serializers.DateField(required=False, allow_null=True, default=None)
    ended_on = serializers.DateField(required=False, allow_null=True, default=None)
    confirmed = serializers.BooleanField(
        required=False, default=False, help_text="Somebody looked at what does not agree, and it is theirs."
    )


class EmergencyContactOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    full_name = serializers.CharField()
    relation = serializers.CharField(help_text=f"One of: {', '.join(EmergencyContact.Relation.values)}.")
    phone = serializers.CharField()
    other_phone = serializers.CharField()
    may_be_told = serializers.BooleanField()


class EmergencyContactIn(serializers.Serializer[Any]):
    id = serializers.UUIDField(required=False, default=None, allow_null=True, help_text="Of one that is there already.")
    full_name = serializers.CharField()
    relation = serializers.CharField()
    phone = serializers.CharField()
    other_phone = serializers.CharField(required=False, allow_blank=True, default="")
    may_be_told = serializers.BooleanField(required=False, default=False)


class InsurerOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    role = serializers.CharField(help_text="mandatory or complementary.")
    payer = serializers.CharField()
    masked = serializers.CharField(help_text="The member number, hidden but for its last three characters.")
    starts_on = serializers.DateField(allow_null=True)
    ends_on = serializers.DateField(allow_null=True)


class InsurerIn(serializers.Serializer[Any]):
    id = serializers.UUIDField(required=False, default=None, allow_null=True, help_text="Of one that is there already.")
    role = serializers.CharField(help_text="mandatory or complementary.")
    payer = serializers.CharField()
    member_number = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, default=None, help_text="null leaves what is stored."
    )
    starts_on = serializers.DateField(required=False, allow_null=True, default=None)
    ends_on = serializers.DateField(required=False, allow_null=True, default=None)


class CheckOut(serializers.Serializer[Any]):
    document = serializers.CharField(help_text=f"One of: {', '.join(IdentityCheck.Document.values)}.")
    country = serializers.CharField()
    masked = serializers.CharField(help_text="Its number, hidden but for its last three characters.")
    seen_on = serializers.DateField()
    checked_by = serializers.CharField()
    checked_at = serializers.DateTimeField()


class PatientOut(PatientLine):
    """Who a patient is and how to reach them."""

    family_name = serializers.CharField(help_text="Birth name.")
    given_names = serializers.CharField()
    used_name = serializers.CharField(help_text="Used name, when it is not the birth name.")
    birth_precision = serializers.CharField(help_text=_KNOWN)
    birth_place = serializers.CharField()
    birth_place_code = serializers.CharField(help_text="INSEE's code of the place.")
    deceased = serializers.BooleanField()
    identity_status = serializers.ChoiceField(choices=IdentityStatus.choices)
    phone = serializers.CharField()
    email = serializers.CharField()
    address_line = serializers.CharField()
    postal_code = serializers.CharField()
    city = serializers.CharField()
    region = serializers.CharField()
    country = serializers.CharField()
    language = serializers.CharField(help_text="BCP 47.")
    version = serializers.IntegerField(help_text="Send it back with a change: an older one is refused.")


class PatientSheetOut(PatientOut):
    """A patient with all that belongs to their identity."""

    identifiers = IdentifierOut(many=True, source="sheet.identifiers")
    contacts = EmergencyContactOut(
        many=True, source="sheet.contacts", help_text="People to call in an emergency, in that order."
    )
    insurers = InsurerOut(many=True, source="sheet.insurers")
    checks = CheckOut(many=True, source="sheet.checks", help_text="The documents that verify the identity now.")
    primary_practitioner_id = serializers.UUIDField(allow_null=True)
    primary_practitioner_name = serializers.CharField(source="sheet.practitioner_name")


class PatientIn(serializers.Serializer[Any]):
    """A new patient. Lengths and what a name may hold are checked by the hospital's rules (422)."""

    family_name = serializers.CharField(help_text="Birth name.")
    given_names = serializers.CharField()
    birth_date = serializers.DateField()
    sex = serializers.ChoiceField(choices=Sex.choices, default=Sex.UNKNOWN.value)
    used_name = serializers.CharField(required=False, allow_blank=True, default="")
    phone = serializers.CharField(required=False, allow_blank=True, default="")
    email = serializers.CharField(required=False, allow_blank=True, default="")
    address_line = serializers.CharField(required=False, allow_blank=True, default="")
    postal_code = serializers.CharField(required=False, allow_blank=True, default="")
    city = serializers.CharField(required=False, allow_blank=True, default="")
    region = serializers.CharField(required=False, allow_blank=True, default="")
    country = serializers.CharField(required=False, allow_blank=True, default="")
    language = serializers.CharField(required=False, default="fr")
    birth_place = serializers.CharField(required=False, allow_blank=True, default="")
    birth_place_code = serializers.CharField(required=False, allow_blank=True, default="")
    confirm_new = serializers.BooleanField(
        required=False, default=False, help_text="Register although somebody alike is here: it is another person."
    )
    primary_practitioner_id = serializers.UUIDField(required=False, allow_null=True)
    identifiers = IdentifierIn(many=True, required=False, help_text="Numbers to add.")
    contacts = EmergencyContactIn(many=True, required=False, help_text="The whole list, in its order.")
    insurers = InsurerIn(many=True, required=False, help_text="The whole list, in its order.")


class PatientChangeIn(serializers.Serializer[Any]):
    """What is not sent stays as it is."""

    version = serializers.IntegerField(help_text="As it was read.")
    family_name = serializers.CharField(required=False)
    given_names = serializers.CharField(required=False)
    used_name = serializers.CharField(required=False, allow_blank=True)
    birth_date = serializers.DateField(required=False)
    sex = serializers.ChoiceField(choices=Sex.choices, required=False)
    birth_place = serializers.CharField(required=False, allow_blank=True)
    birth_place_code = serializers.CharField(required=False, allow_blank=True)
    phone = serializers.CharField(required=False, allow_blank=True)
    email = serializers.CharField(required=False, allow_blank=True)
    address_line = serializers.CharField(required=False, allow_blank=True)
    postal_code = serializers.CharField(required=False, allow_blank=True)
    city = serializers.CharField(required=False, allow_blank=True)
    region = serializers.CharField(required=False, allow_blank=True)
    country = serializers.CharField(required=False, allow_blank=True)
    language = serializers.CharField(required=False)
    primary_practitioner_id = serializers.UUIDField(required=False, allow_null=True)
    identifiers = IdentifierIn(many=True, required=False, help_text="Numbers to add.")
    end_identifiers = serializers.ListField(
        child=serializers.UUIDField(), required=False, help_text="Numbers that are no longer valid, or wrong."
    )
    contacts = EmergencyContactIn(many=True, required=False, help_text="The whole list, in its order.")
    insurers = InsurerIn(many=True, required=False, help_text="The whole list, in its order.")


class VerifyIn(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    document = serializers.CharField(help_text=f"One of: {', '.join(IdentityCheck.Document.values)}.")
    seen_on = serializers.DateField()
    number = serializers.CharField(required=False, allow_blank=True, default="", help_text="Stored encrypted.")
    country = serializers.CharField(required=False, allow_blank=True, default="")


class UnverifyIn(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    because = serializers.CharField(help_text="mistake or doubt.")


class RevealIn(serializers.Serializer[Any]):
    identifier_id = serializers.UUIDField(required=False)
    insurer_id = serializers.UUIDField(required=False)


class RevealOut(serializers.Serializer[Any]):
    value = serializers.CharField()


class PractitionerOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    full_name = serializers.CharField()
    specialty = serializers.CharField(help_text="Code to filter by.")
    specialty_label = serializers.CharField()


class PatientCardOut(PatientLine):
    email = serializers.CharField()
    phone = serializers.CharField()
    language = serializers.CharField()
    user_id = serializers.UUIDField(allow_null=True)
    address_lines = serializers.ListField(child=serializers.CharField())


class CodingOut(serializers.Serializer[Any]):
    code = serializers.CharField()
    system = serializers.CharField()
    display = serializers.CharField()


class ClinicalOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    code = serializers.CharField()
    code_system = serializers.CharField()
    display = serializers.CharField()
    other_codings = CodingOut(many=True)
    status = serializers.CharField()
    category = serializers.CharField()
    started_at = serializers.DateTimeField(allow_null=True)
    started_precision = serializers.CharField(help_text=_KNOWN)
    ended_at = serializers.DateTimeField(allow_null=True)
    ended_precision = serializers.CharField(help_text=_KNOWN)
    note = serializers.CharField()
    version = serializers.IntegerField(help_text="Send it back with a correction: an older one is refused.")


class _ByPractitioner(serializers.Serializer[Any]):
    practitioner_id = serializers.UUIDField(allow_null=True)
    practitioner_name = serializers.CharField()


class _InEncounter(serializers.Serializer[Any]):
    encounter_id = serializers.UUIDField(allow_null=True)


class EncounterOut(ClinicalOut, _ByPractitioner):
    class_code = serializers.CharField()
    class_display = serializers.CharField()
    reason = serializers.CharField()
    place = serializers.CharField()


class ConditionOut(ClinicalOut, _InEncounter):
    verification = serializers.CharField()
    severity = serializers.CharField()


class ReactionOut(serializers.Serializer[Any]):
    display = serializers.CharField()
    severity = serializers.CharField()


class AllergyOut(ClinicalOut, _InEncounter):
    kind = serializers.CharField()
    criticality = serializers.CharField()
    verification = serializers.CharField()
    reactions = ReactionOut(many=True)


class MedicationOut(ClinicalOut, _InEncounter, _ByPractitioner):
    intent = serializers.CharField()
    dosage = serializers.CharField()
    reason = serializers.CharField()


class ImmunizationOut(ClinicalOut, _InEncounter):
    lot_number = serializers.CharField()


class ProcedureOut(ClinicalOut, _InEncounter, _ByPractitioner):
    reason = serializers.CharField()


class CoverageOut(ClinicalOut):
    role = serializers.CharField(help_text="mandatory, complementary, or empty when the source does not say.")
    payer = serializers.CharField()
    member_number = serializers.CharField(help_text="Hidden but for its last three characters.")
    plan_code = serializers.CharField()


class ComponentOut(CodingOut):
    quantity = serializers.CharField()
    comparator = serializers.CharField()
    unit = serializers.CharField()
    value_code = serializers.CharField()
    value_system = serializers.CharField()
    value_text = serializers.CharField()


class ObservationOut(_InEncounter):
    id = serializers.UUIDField()
    status = serializers.CharField()
    started_at = serializers.DateTimeField(allow_null=True)
    started_precision = serializers.CharField(help_text=_KNOWN)
    quantity = serializers.CharField(help_text="The digits as they were measured; empty when it is no quantity.")
    number = serializers.FloatField(allow_null=True, help_text="The same for computing and plots.")
    comparator = serializers.CharField()
    unit = serializers.CharField()
    value_code = serializers.CharField()
    value_system = serializers.CharField()
    value_text = serializers.CharField()
    interpretation = serializers.CharField()
    reference_range = serializers.CharField()
    components = ComponentOut(many=True)
    note = serializers.CharField()


class SeriesOut(serializers.Serializer[Any]):
    """Observations of one kind: how many there are, and the newest."""

    code = serializers.CharField()
    code_system = serializers.CharField()
    display = serializers.CharField()
    category = serializers.CharField()
    count = serializers.IntegerField()
    latest = ObservationOut(many=True)


class MedicalRecordOut(serializers.Serializer[Any]):
    """Describes the answer; the answer itself is built by `patients.record`."""

    patient = PatientCardOut()
    version = serializers.IntegerField(help_text="Goes up at every clinical change.")
    changed_at = serializers.DateTimeField()
    encounters = EncounterOut(many=True)
    conditions = ConditionOut(many=True)
    allergies = AllergyOut(many=True)
    medications = MedicationOut(many=True)
    immunizations = ImmunizationOut(many=True)
    observations = SeriesOut(many=True)
    procedures = ProcedureOut(many=True)
    coverages = CoverageOut(many=True)
    documents = serializers.ListField(
        child=serializers.DictField(), help_text="Metadata and a signed address that expires, newest first."
    )


class EmergencyIn(serializers.Serializer[Any]):
    """Why a record is opened by somebody who is not in charge of the patient."""

    reason_code = serializers.ChoiceField(choices=EmergencyAccess.Reason.choices)
    reason = serializers.CharField(help_text="A sentence, 15 characters at least. The privacy officer reads it.")


class EmergencyOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    patient_id = serializers.UUIDField()
    opened_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(help_text="The record closes by itself.")
