from __future__ import annotations

from typing import Any

from rest_framework import serializers

from documents.models import TITLE_LENGTH, Category, ScanState


class UploadIn(serializers.Serializer[Any]):
    file = serializers.FileField(help_text="PDF, PNG, JPEG, TIFF, DICOM, plain text (UTF-8) or RTF; 100 MB at most.")
    title = serializers.CharField(max_length=TITLE_LENGTH)
    category = serializers.ChoiceField(choices=Category.choices)


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
