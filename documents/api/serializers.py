from __future__ import annotations

from typing import Any

from rest_framework import serializers

from documents.models import FILENAME_LENGTH, TITLE_LENGTH, Audience, Category, ScanState, Upload


class EntryIn(serializers.Serializer[Any]):
    """What is said of a document by who adds it."""

    title = serializers.CharField(max_length=TITLE_LENGTH)
    category = serializers.ChoiceField(choices=Category.choices, help_text="Patients: all but identity.")
    audience = serializers.ChoiceField(
        choices=Audience.choices, default=Audience.TREATING, help_text="Who of those who may open the record reads it."
    )
    unit_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="Of `unit`: which of yours; else your first one."
    )
    withheld_until = serializers.DateField(
        required=False, allow_null=True, help_text="Staff: the patient sees it from this day on, 30 days ahead at most."
    )
    replaces = serializers.UUIDField(
        required=False, allow_null=True, help_text="The document of which this is a new version."
    )


class UploadIn(EntryIn):
    file = serializers.FileField(help_text="PDF, PNG, JPEG, TIFF, DICOM, plain text (UTF-8) or RTF; 100 MB at most.")


class BeginUploadIn(EntryIn):
    name = serializers.CharField(max_length=FILENAME_LENGTH, help_text="Of the file. It proves nothing about its type.")
    size = serializers.IntegerField(min_value=1, help_text="Bytes; 2 GB at most unless the hospital says otherwise.")
    last_modified = serializers.IntegerField(
        min_value=0,
        max_value=2**53 - 1,
        default=0,
        help_text="Milliseconds since 1970. With name and size it tells"
        " the file again: the same three go on where the line broke.",
    )
    content_type = serializers.CharField(max_length=100, required=False, allow_blank=True)


class UploadOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    patient_id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=Upload.State.choices)
    reason = serializers.CharField(help_text="Of `refused`: type, damaged, infected, no-access, stale.")
    reason_text = serializers.CharField()
    size = serializers.IntegerField()
    part_size = serializers.IntegerField(help_text="Bytes of each part but the last, which has the rest.")
    parts = serializers.IntegerField(help_text="How many there are; they count from 1.")
    arrived = serializers.ListField(child=serializers.IntegerField(), help_text="Of `open`: the parts that are there.")
    expires_at = serializers.DateTimeField()
    document_id = serializers.UUIDField(allow_null=True, help_text="Of `done`.")


class PartsIn(serializers.Serializer[Any]):
    numbers = serializers.ListField(child=serializers.IntegerField(min_value=1), min_length=1, max_length=100)


class PartOut(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    start = serializers.IntegerField(help_text="Where its bytes stand in the file.")
    size = serializers.IntegerField()
    url = serializers.URLField(help_text="PUT exactly these bytes here, within 15 minutes, without a token.")


class PartsOut(serializers.Serializer[Any]):
    parts = PartOut(many=True)


class DicomOut(serializers.Serializer[Any]):
    """What the image says of itself; what it does not say is left out."""

    study_uid = serializers.CharField(required=False)
    series_uid = serializers.CharField(required=False)
    instance_uid = serializers.CharField(required=False)
    modality = serializers.CharField(required=False)
    study_date = serializers.DateField(required=False)
    rows = serializers.IntegerField(required=False)
    columns = serializers.IntegerField(required=False)


class DocumentOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    patient_id = serializers.UUIDField()
    title = serializers.CharField()
    category = serializers.ChoiceField(choices=Category.choices)
    content_type = serializers.CharField(help_text="Told from the content.")
    size = serializers.IntegerField(help_text="Bytes.")
    sha256 = serializers.CharField(help_text="Of the bytes, in hexadecimal.")
    scan_state = serializers.ChoiceField(choices=ScanState.choices, help_text="Whether malware was looked for.")
    served = serializers.BooleanField(help_text="False while nobody gets the bytes.")
    version = serializers.IntegerField()
    current = serializers.BooleanField(help_text="False once a newer version has taken its place.")
    audience = serializers.ChoiceField(choices=Audience.choices)
    withheld_until = serializers.DateField(allow_null=True)
    author_id = serializers.UUIDField(allow_null=True, help_text="The practitioner who wrote or added it.")
    created_at = serializers.DateTimeField()
    dicom = DicomOut(allow_null=True)


class DocumentWithUrlOut(DocumentOut):
    url = serializers.URLField(help_text="Serves the bytes until `url_expires_at`, without further sign-in.")
    url_expires_at = serializers.DateTimeField()


class PagedDocuments(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = DocumentOut(many=True)
