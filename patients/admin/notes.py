"""The tab of clinical notes: list, writing, reading, withdrawing."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, QueryDict
from django.middleware.csrf import get_token
from django.urls import path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from medisecure.accounts.models import User
from medisecure.kernel.errors import Conflict, DomainError, NotFound, WrongPatient
from medisecure.kernel.ids import new_id
from patients import notes, services
from patients.access import access_record
from patients.admin.bound import bound_patient
from patients.admin.common import actor_of
from patients.admin.compare import side_by_side
from patients.admin.note_forms import FilterForm, NoteForm, ReasonForm
from patients.admin.workspace import WorkspacePages, open_workspace
from patients.models import ClinicalNote
from patients.rules import notes as rules
from patients.services import NoteConflict
from patients.writing import may_write_record

PER_PAGE = 20
TEMPLATES = "admin/patients/patient/notes"
OTHER_PERSON = gettext_lazy("You are signed in as somebody else now. Nothing was saved under their name.")


def _url(name: str, *ids: UUID) -> str:
    return reverse(f"admin:patients_patient_{name}", args=ids)


class NotePages(WorkspacePages):
    def get_urls(self) -> list[Any]:
        note = "<uuid:patient_id>/notes/<uuid:note_id>/"
        wrap = self.admin_site.admin_view
        return [
            path("<uuid:patient_id>/notes/", wrap(self.notes_view), name="patients_patient_notes"),
            path("<uuid:patient_id>/notes/new/", wrap(self.note_new_view), name="patients_patient_note_new"),
            path(note, wrap(self.note_view), name="patients_patient_note"),
            path(f"{note}edit/", wrap(self.note_edit_view), name="patients_patient_note_edit"),
            path(f"{note}draft/", wrap(self.note_draft_view), name="patients_patient_note_draft"),
            path(f"{note}drop/", wrap(self.note_drop_view), name="patients_patient_note_drop"),
            path(f"{note}withdraw/", wrap(self.note_withdraw_view), name="patients_patient_note_withdraw"),
            *super().get_urls(),
        ]

    # --- Reading ------------------------------------------------------------------------------------------------------
    def notes_view(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        actor = actor_of(request)
        workspace = open_workspace(actor=actor, patient_id=patient_id, tab="notes", clinical="notes")
        form = FilterForm(request.GET or None, notes.authors_of(actor, patient_id))
        wanted = notes.NoteFilter()
        if form.is_bound and form.is_valid():
            asked = form.cleaned_data
            wanted = notes.NoteFilter(asked["kind"], asked["author"], asked["since"], asked["until"], asked["q"])
        rows = notes.list_notes(actor, patient_id, wanted)
        if form.is_bound and form.errors:
            rows = rows.none()
        page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
        return self.workspace_page(
            request,
            f"{TEMPLATES}/list.html",
            workspace,
            page_title=_("Notes"),
            form=form,
            filtered=form.is_bound,
            page=page,
            lines=[notes.note_line(row) for row in page],
            may_write=may_write_record(actor, patient_id),
            kinds=ClinicalNote.Kind.choices,
        )

    def note_view(self, request: HttpRequest, patient_id: UUID, note_id: UUID) -> HttpResponse:
        actor = actor_of(request)
        workspace = open_workspace(actor=actor, patient_id=patient_id, tab="notes", clinical="note", item=note_id)
        note = notes.note_view(actor, patient_id, note_id)
        writes = may_write_record(actor, patient_id)
        is_author = note.line.author_id == actor.id
        status = note.line.status
        return self.workspace_page(
            request,
            f"{TEMPLATES}/note.html",
            workspace,
            page_title=note.line.kind_label.capitalize(),
            note=note,
            may_edit=writes and rules.may_draft(status, is_author=is_author),
            may_drop=writes and is_author and note.draft is not None and note.versions,
            may_withdraw=writes
            and rules.may_withdraw(status, is_author=is_author, is_doctor=services.is_doctor(actor)),
            for_patient=note.line.kind in rules.PATIENT_KINDS,
        )

    # --- Writing ------------------------------------------------------------------------------------------------------
    def note_new_view(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        """An address for a note that is not there yet: however often the page sends it, it will be one note."""
        query = QueryDict(mutable=True)
        query["new"] = "1"
        if request.GET.get("kind") in ClinicalNote.Kind.values:
            query["kind"] = request.GET["kind"]
        return HttpResponseRedirect(f"{_url('note_edit', patient_id, new_id())}?{query.urlencode()}")

    def note_edit_view(self, request: HttpRequest, patient_id: UUID, note_id: UUID) -> HttpResponse:
        actor = actor_of(request)
        if request.method == "POST":
            return self._save(request, actor, patient_id, note_id)
        if ClinicalNote.objects.filter(id=note_id).exists():
            note = self._open(actor, patient_id, note_id)
            return self._editor(request, actor, patient_id, note_id, self._form_of(actor, patient_id, note), note=note)
        if request.GET.get("new") != "1":
            raise NotFound
        if not may_write_record(actor, patient_id):
            access_record(actor=actor, patient_id=patient_id, purpose="care", resource="note")
            raise Conflict(_("You may not write in this record."))
        kind = request.GET.get("kind", ClinicalNote.Kind.CONSULTATION.value)
        start = {"version": 0, "page_id": new_id(), "writer_id": str(actor.id), "kind": kind}
        form = NoteForm(initial={**start, "occurred_at": timezone.localtime()}, patient_id=patient_id)
        return self._editor(request, actor, patient_id, note_id, form)

    def _open(self, actor: User, patient_id: UUID, note_id: UUID) -> notes.NoteView:
        note = notes.open_note(actor=actor, patient_id=patient_id, note_id=note_id)
        is_author = note.line.author_id == actor.id
        if not may_write_record(actor, patient_id) or not rules.may_draft(note.line.status, is_author=is_author):
            raise Conflict(_("A signed note is amended by who signed it. Write a note of your own."))
        return note

    def _form_of(self, actor: User, patient_id: UUID, note: notes.NoteView) -> NoteForm:
        return NoteForm(
            initial={
                "version": note.line.version,
                "page_id": new_id(),
                "writer_id": str(actor.id),
                "kind": note.line.kind,
                "occurred_at": timezone.localtime(note.line.occurred_at),
                "encounter_id": note.encounter_id,
                "text": note.text if note.draft is None else note.draft,
            },
            amends=bool(note.versions),
            patient_id=patient_id,
        )

    def _editor(
        self,
        request: HttpRequest,
        actor: User,
        patient_id: UUID,
        note_id: UUID,
        form: NoteForm,
        *,
        note: notes.NoteView | None = None,
        conflict: NoteConflict | None = None,
        status: int = HTTPStatus.OK,
    ) -> HttpResponse:
        workspace = open_workspace(actor=actor, patient_id=patient_id, tab="notes", clinical="note", item=note_id)
        is_author = note is None or note.line.author_id == actor.id
        title = _("Amend a note") if form.amends else _("Write a note")
        return self.workspace_page(
            request,
            f"{TEMPLATES}/edit.html",
            workspace,
            page_title=_("Two texts") if conflict else title,
            status=status,
            form=form,
            note=note,
            note_id=note_id,
            writer=actor,
            is_author=is_author,
            longest=rules.LONGEST_NOTE,
            draft_url=_url("note_draft", patient_id, note_id),
            sign_in_url=f"{reverse('account_login')}?next={_url('note_draft', patient_id, note_id)}",
            conflict=conflict,
            compared=side_by_side(conflict.text, str(form["text"].value() or "")) if conflict else None,
        )

    def _save(self, request: HttpRequest, actor: User, patient_id: UUID, note_id: UUID) -> HttpResponse:
        note = self._open(actor, patient_id, note_id) if ClinicalNote.objects.filter(id=note_id).exists() else None
        form = NoteForm(request.POST, amends=bool(note and note.versions), patient_id=patient_id)
        if not form.is_valid():
            status = HTTPStatus.CONFLICT if form.wrong_patient else HTTPStatus.UNPROCESSABLE_ENTITY
            return self._editor(request, actor, patient_id, note_id, form, note=note, status=status)
        sent = form.cleaned_data
        if sent["writer_id"] not in ("", str(actor.id)):
            form.add_error(None, str(OTHER_PERSON))
            return self._editor(request, actor, patient_id, note_id, form, note=note, status=HTTPStatus.CONFLICT)
        step = request.POST.get("step", "save")
        if step == "merge":
            return self._merged(request, actor, patient_id, note_id, form, note)
        common: dict[str, Any] = {
            "actor": actor,
            "patient_id": patient_id,
            "note_id": note_id,
            "version": sent["version"],
            "text": sent["text"],
            "head": form.head(),
            "page_id": sent["page_id"],
        }
        try:
            if step == "sign":
                services.sign_note(**common, reason=sent.get("reason", ""))
            else:
                services.save_draft(**common)
        except NoteConflict as conflict:
            return self._conflict(request, actor, patient_id, note_id, note, conflict)
        except DomainError as error:
            self._show(form, error)
            return self._editor(request, actor, patient_id, note_id, form, note=note, status=error.status)
        said = _("The note is signed.") if step == "sign" else _("The draft is saved.")
        self.message_user(request, said)
        return HttpResponseRedirect(_url("note", patient_id, note_id))

    def _show(self, form: NoteForm, error: DomainError) -> None:
        if not error.errors:
            form.add_error(None, error.message)
        for field, texts in error.errors.items():
            form.add_error(field if field in form.fields else None, [str(text) for text in texts])

    def _conflict(
        self,
        request: HttpRequest,
        actor: User,
        patient_id: UUID,
        note_id: UUID,
        note: notes.NoteView | None,
        conflict: NoteConflict,
    ) -> HttpResponse:
        """Both texts side by side. What is saved from here replaces the other one knowingly: it names its version."""
        data = request.POST.copy()
        data["version"] = str(conflict.version)
        form = NoteForm(data, amends=bool(note and note.versions), patient_id=patient_id)
        form.is_valid()
        return self._editor(
            request, actor, patient_id, note_id, form, note=note, conflict=conflict, status=HTTPStatus.CONFLICT
        )

    def _merged(
        self,
        request: HttpRequest,
        actor: User,
        patient_id: UUID,
        note_id: UUID,
        form: NoteForm,
        note: notes.NoteView | None,
    ) -> HttpResponse:
        """Both texts in one field, the other one first, to be made into one."""
        if note is None:
            raise NotFound
        theirs = note.text if note.draft is None else note.draft
        data = request.POST.copy()
        data["text"] = f"{theirs}\n\n----------\n\n{form.cleaned_data['text']}"
        data["version"] = str(note.line.version)
        merged = NoteForm(data, amends=form.amends, patient_id=patient_id)
        merged.is_valid()
        return self._editor(request, actor, patient_id, note_id, merged, note=note)

    def note_drop_view(self, request: HttpRequest, patient_id: UUID, note_id: UUID) -> HttpResponse:
        actor = actor_of(request)
        if request.method != "POST":
            return HttpResponse(status=HTTPStatus.METHOD_NOT_ALLOWED)
        bound_patient(request, patient_id)
        version = request.POST.get("version", "")
        services.drop_amendment(
            actor=actor, patient_id=patient_id, note_id=note_id, version=int(version) if version.isdecimal() else -1
        )
        self.message_user(request, _("The amendment is dropped; its text stays with the earlier drafts."))
        return HttpResponseRedirect(_url("note", patient_id, note_id))

    def note_withdraw_view(self, request: HttpRequest, patient_id: UUID, note_id: UUID) -> HttpResponse:
        actor = actor_of(request)
        workspace = open_workspace(actor=actor, patient_id=patient_id, tab="notes", clinical="note", item=note_id)
        note = notes.note_view(actor, patient_id, note_id)
        form = ReasonForm(request.POST or None, initial={"version": note.line.version}, patient_id=patient_id)
        status = HTTPStatus.OK
        if request.method == "POST":
            status = HTTPStatus.UNPROCESSABLE_ENTITY
            if form.is_valid():
                sent = form.cleaned_data
                try:
                    services.withdraw_note(
                        actor=actor,
                        patient_id=patient_id,
                        note_id=note_id,
                        version=sent["version"],
                        reason=sent["reason"],
                    )
                except DomainError as error:
                    status = HTTPStatus(error.status)
                    for field, texts in (error.errors or {"": [error.message]}).items():
                        form.add_error(field or None, [str(text) for text in texts])
                else:
                    self.message_user(request, _("The note is withdrawn. It stays in the record, crossed out."))
                    return HttpResponseRedirect(_url("note", patient_id, note_id))
            elif form.wrong_patient:
                status = HTTPStatus.CONFLICT
        return self.workspace_page(
            request,
            f"{TEMPLATES}/withdraw.html",
            workspace,
            page_title=_("Withdraw this note"),
            status=status,
            form=form,
            note=note,
        )

    # --- Saving as somebody types -------------------------------------------------------------------------------------
    def note_draft_view(self, request: HttpRequest, patient_id: UUID, note_id: UUID) -> HttpResponse:
        """For the script of the editor. GET, after signing in again in another tab: a new token for the open page, or a
        page that says so to a person. POST: keep the text."""
        actor = actor_of(request)
        if request.method != "POST":
            return self._signed_in_again(request, actor, patient_id)
        amends = ClinicalNote.objects.filter(id=note_id).exclude(status=ClinicalNote.Status.PRELIMINARY).exists()
        form = NoteForm(request.POST, amends=amends, patient_id=patient_id)
        if not form.is_valid():
            if form.wrong_patient:
                return _problem(WrongPatient())
            texts = [str(text) for found in form.errors.values() for text in found]
            return JsonResponse({"code": "invalid", "message": " ".join(texts)}, status=422)
        sent = form.cleaned_data
        if sent["writer_id"] != str(actor.id):
            code, text = (
                "other-person",
                _("You are signed in as somebody else now. Nothing was saved under their name."),
            )
            return JsonResponse({"code": code, "message": text}, status=HTTPStatus.CONFLICT)
        try:
            state = services.save_draft(
                actor=actor,
                patient_id=patient_id,
                note_id=note_id,
                version=sent["version"],
                text=sent["text"],
                head=form.head(),
                page_id=sent["page_id"],
            )
        except DomainError as error:
            return _problem(error)
        at = date_format(timezone.localtime(state.saved_at), "H:i:s") if state.saved_at else ""
        return JsonResponse({"version": state.version, "saved_at": at})

    def _signed_in_again(self, request: HttpRequest, actor: User, patient_id: UUID) -> HttpResponse:
        if request.headers.get("Accept") == "application/json":
            return JsonResponse({"token": get_token(request), "writer_id": str(actor.id)})
        workspace = open_workspace(actor=actor, patient_id=patient_id, tab="notes", clinical="note")
        return self.workspace_page(request, f"{TEMPLATES}/back.html", workspace, page_title=_("You are signed in"))


def _problem(error: DomainError) -> JsonResponse:
    return JsonResponse({"code": error.code, "message": " ".join(error.lines())}, status=error.status)
