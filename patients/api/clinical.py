"""Notes, vital signs and entries of the record as JSON: the same services as the pages, with versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from medisecure.kernel.errors import Invalid
from medisecure.kernel.ids import new_id
from patients import notes, services
from patients.api.views import _PROBLEM, _PURPOSE, _actor, _Private, _purpose
from patients.models import ClinicalNote
from patients.rules.vitals import SIGNS
from patients.services.entries import KINDS, is_withdrawn, snapshot

_CONFLICT = OpenApiResponse(
    description="Somebody was faster (`stale`): `current` holds what is there now, with its version."
)


class NoteLineOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.CharField(help_text=", ".join(ClinicalNote.Kind.values))
    status = serializers.CharField(help_text=", ".join(ClinicalNote.Status.values))
    author_id = serializers.UUIDField()
    author_name = serializers.CharField()
    occurred_at = serializers.DateTimeField()
    signed_at = serializers.DateTimeField(allow_null=True)
    excerpt = serializers.CharField()
    version = serializers.IntegerField(help_text="Send it back with a change.")
    open_draft = serializers.BooleanField()


class NoteTextOut(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    status = serializers.CharField()
    text = serializers.CharField()
    reason = serializers.CharField()
    signed_at = serializers.DateTimeField()
    signed_name = serializers.CharField()


class NoteOut(NoteLineOut):
    text = serializers.CharField(help_text="What counts now: the newest signed text, or the draft of an unsigned note.")
    draft = serializers.CharField(allow_null=True, help_text="What is being written; staff only.")
    versions = NoteTextOut(many=True)


class NoteIn(serializers.Serializer[Any]):
    """Characters are kept as they come, blanks at the ends included."""

    text = serializers.CharField(allow_blank=True, trim_whitespace=False)
    version = serializers.IntegerField(
        min_value=0, required=False, default=0, help_text="The one this text was made from; 0 for a new note."
    )
    id = serializers.UUIDField(required=False, help_text="Your own id of a new note: sent twice, it is one note.")
    kind = serializers.CharField(required=False, help_text="Only while the note is not signed.")
    occurred_at = serializers.DateTimeField(required=False)
    encounter_id = serializers.UUIDField(required=False, allow_null=True)


class SignIn(serializers.Serializer[Any]):
    text = serializers.CharField(allow_blank=True, trim_whitespace=False)
    version = serializers.IntegerField(min_value=0)
    reason = serializers.CharField(required=False, allow_blank=True, default="", help_text="From the second on.")


class WithdrawIn(serializers.Serializer[Any]):
    version = serializers.IntegerField(min_value=0)
    reason = serializers.CharField(allow_blank=True)


def _note(view: notes.NoteView) -> dict[str, Any]:
    body = dict(NoteLineOut(view.line).data)
    body |= {"text": view.text, "draft": view.draft, "versions": NoteTextOut(view.versions, many=True).data}
    return body


def _sent(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    form = serializer(data=request.data)
    form.is_valid(raise_exception=True)
    return dict(form.validated_data)


def _head(sent: dict[str, Any]) -> services.NoteHead | None:
    named = {name: sent[name] for name in ("kind", "occurred_at", "encounter_id") if name in sent}
    return services.NoteHead(**named) if named else None


class Notes(_Private, GenericAPIView[ClinicalNote]):
    """A patient's notes. Patients get those that are signed and meant for them."""

    queryset = ClinicalNote.objects.none()
    serializer_class = NoteLineOut

    @extend_schema(
        operation_id="notes_list",
        parameters=[
            _PURPOSE,
            OpenApiParameter("q", str, description="Beginnings of words that the note holds, all of them."),
            OpenApiParameter("kind", str, enum=ClinicalNote.Kind.values),
        ],
        responses={200: NoteLineOut(many=True), 403: _PROBLEM, 404: _PROBLEM},
    )
    def get(self, request: Request, patient_id: UUID) -> Response:
        wanted = notes.NoteFilter(
            kind=request.query_params.get("kind", ""), words=request.query_params.get("q", "")[:200]
        )
        rows = notes.notes_of(actor=_actor(request), patient_id=patient_id, wanted=wanted, purpose=_purpose(request))
        page = self.paginate_queryset(rows) or []
        return self.get_paginated_response(NoteLineOut([notes.note_line(row) for row in page], many=True).data)

    @extend_schema(
        operation_id="notes_create",
        request=NoteIn,
        responses={201: NoteOut, 403: _PROBLEM, 404: _PROBLEM, 409: _CONFLICT, 422: _PROBLEM},
    )
    def post(self, request: Request, patient_id: UUID) -> Response:
        sent = _sent(NoteIn, request)
        note_id = sent.get("id") or new_id()
        services.save_draft(
            actor=_actor(request),
            patient_id=patient_id,
            note_id=note_id,
            version=0,
            text=sent["text"],
            head=_head(sent),
        )
        body = _note(notes.note_view(_actor(request), patient_id, note_id))
        return Response(body, status=201, headers={"Location": f"/api/patients/{patient_id}/notes/{note_id}"})


class NoteDetail(_Private):
    """One note, with its signed versions."""

    @extend_schema(
        operation_id="notes_read", parameters=[_PURPOSE], responses={200: NoteOut, 403: _PROBLEM, 404: _PROBLEM}
    )
    def get(self, request: Request, patient_id: UUID, note_id: UUID) -> Response:
        actor = _actor(request)
        view = notes.open_note(actor=actor, patient_id=patient_id, note_id=note_id, purpose=_purpose(request))
        return Response(_note(view))

    @extend_schema(
        operation_id="notes_save",
        request=NoteIn,
        responses={200: NoteOut, 403: _PROBLEM, 404: _PROBLEM, 409: _CONFLICT, 422: _PROBLEM},
    )
    def post(self, request: Request, patient_id: UUID, note_id: UUID) -> Response:
        """Keep the draft; on a signed note, the draft of its amendment."""
        sent, actor = _sent(NoteIn, request), _actor(request)
        services.save_draft(
            actor=actor,
            patient_id=patient_id,
            note_id=note_id,
            version=sent["version"],
            text=sent["text"],
            head=_head(sent),
        )
        return Response(_note(notes.note_view(actor, patient_id, note_id)))


class NoteSign(_Private):
    @extend_schema(
        operation_id="notes_sign",
        request=SignIn,
        responses={200: NoteOut, 403: _PROBLEM, 404: _PROBLEM, 409: _CONFLICT, 422: _PROBLEM},
    )
    def post(self, request: Request, patient_id: UUID, note_id: UUID) -> Response:
        """Sign the text as the next version."""
        sent, actor = _sent(SignIn, request), _actor(request)
        services.sign_note(actor=actor, patient_id=patient_id, note_id=note_id, **sent)
        return Response(_note(notes.note_view(actor, patient_id, note_id)))


class NoteWithdraw(_Private):
    @extend_schema(
        operation_id="notes_withdraw",
        request=WithdrawIn,
        responses={200: NoteOut, 403: _PROBLEM, 404: _PROBLEM, 409: _CONFLICT, 422: _PROBLEM},
    )
    def post(self, request: Request, patient_id: UUID, note_id: UUID) -> Response:
        """Say that the note should not be there; it stays, with the reason."""
        sent, actor = _sent(WithdrawIn, request), _actor(request)
        services.withdraw_note(actor=actor, patient_id=patient_id, note_id=note_id, **sent)
        return Response(_note(notes.note_view(actor, patient_id, note_id)))


class VitalsIn(serializers.Serializer[Any]):
    taken_at = serializers.DateTimeField()
    values = serializers.DictField(
        child=serializers.CharField(allow_blank=True), help_text=f"Digits by sign: {', '.join(SIGNS)}."
    )
    id = serializers.UUIDField(required=False, help_text="Your own id: sent twice, it is stored once.")
    encounter_id = serializers.UUIDField(required=False, allow_null=True)
    note = serializers.CharField(required=False, allow_blank=True, default="")
    confirmed = serializers.BooleanField(required=False, default=False, help_text="Unusual values are right.")


class VitalSigns(_Private):
    @extend_schema(
        operation_id="vital_signs_record",
        request=VitalsIn,
        responses={
            201: inline_serializer("VitalSignsOut", {"ids": serializers.ListField(child=serializers.UUIDField())}),
            403: _PROBLEM,
            404: _PROBLEM,
            422: OpenApiResponse(description="`invalid`, or `unusual`: send it again with `confirmed`."),
        },
    )
    def post(self, request: Request, patient_id: UUID) -> Response:
        """Store what was measured at one time: all of it, or nothing."""
        sent = _sent(VitalsIn, request)
        rows = services.record_vitals(
            actor=_actor(request), patient_id=patient_id, form_id=sent.pop("id", None) or new_id(), **sent
        )
        return Response({"ids": [str(row.id) for row in rows]}, status=201)


class EntryIn(serializers.Serializer[Any]):
    """The fields of a kind are those of the record; what a kind does not have is left out."""

    display = serializers.CharField(allow_blank=True, required=False, default="")
    code = serializers.CharField(allow_blank=True, required=False, default="")
    code_system = serializers.CharField(allow_blank=True, required=False, default="")
    status = serializers.CharField(allow_blank=True, required=False, default="")
    started_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    ended_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    note = serializers.CharField(allow_blank=True, required=False, default="")
    encounter_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    details = serializers.DictField(
        required=False,
        default=dict,
        help_text="Of the kind: class_code, reason, place, severity, category, criticality, reactions (list of texts), "
        "dosage, lot_number.",
    )
    version = serializers.IntegerField(min_value=0, required=False, default=0, help_text="0 enters, else corrects.")
    why = serializers.CharField(required=False, allow_blank=True, default="", help_text="Reason of a correction.")


class EntryOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    version = serializers.IntegerField()
    withdrawn = serializers.BooleanField()
    values = serializers.DictField()


def _entry(kind: str, row: Any) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "kind": kind,
        "version": row.version,
        "withdrawn": is_withdrawn(row),
        "values": snapshot(row),
    }


def _kind(kind: str) -> str:
    if kind not in KINDS:
        raise Invalid({"kind": [", ".join(KINDS)]})
    return kind


class Entry(_Private):
    @extend_schema(
        operation_id="entries_record",
        request=EntryIn,
        responses={200: EntryOut, 403: _PROBLEM, 404: _PROBLEM, 409: _CONFLICT, 422: _PROBLEM},
    )
    def post(self, request: Request, patient_id: UUID, kind: str, entry_id: UUID) -> Response:
        """Enter something under an id of your own, or correct it."""
        sent = _sent(EntryIn, request)
        values: dict[str, Any] = {**sent.pop("details"), **sent}
        for name in ("started_at", "ended_at"):
            if isinstance(values[name], datetime):
                values[f"{name.removesuffix('_at')}_precision"] = "instant"
        row = services.record_entry(
            actor=_actor(request),
            patient_id=patient_id,
            kind=_kind(kind),
            entry_id=entry_id,
            values=values,
            version=sent["version"],
            reason=sent["why"],
        )
        return Response(_entry(kind, row))


class EntryWithdraw(_Private):
    @extend_schema(
        operation_id="entries_withdraw",
        request=WithdrawIn,
        responses={200: EntryOut, 403: _PROBLEM, 404: _PROBLEM, 409: _CONFLICT, 422: _PROBLEM},
    )
    def post(self, request: Request, patient_id: UUID, kind: str, entry_id: UUID) -> Response:
        """Say that the entry, or a measurement (`observation`), should not be there."""
        sent = _sent(WithdrawIn, request)
        row = services.withdraw_entry(
            actor=_actor(request), patient_id=patient_id, kind=kind, entry_id=entry_id, **sent
        )
        return Response(_entry(kind, row))
