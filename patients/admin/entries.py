"""Pages on which staff enter, correct and withdraw what the record holds, and take vital signs."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from medisecure.accounts.models import User
from medisecure.kernel.errors import DomainError, NotFound
from medisecure.kernel.ids import new_id
from patients import services
from patients.admin.bound import BoundForm, bound_patient
from patients.admin.common import actor_of
from patients.admin.entry_forms import TITLES, EntryForm, VitalsForm, initial_of
from patients.admin.note_forms import ReasonForm
from patients.admin.workspace import WorkspacePages, open_workspace
from patients.models import ClinicalChange, ClinicalRow
from patients.series import plot_periods, vital_plots
from patients.services.entries import KINDS, EntryConflict, entry_model, is_withdrawn
from patients.writing import may_write_record

#: Field of the service → field of the form, where they differ.
_NAMES = {"reason": "why"}


def show_errors(form: BoundForm, error: DomainError, names: dict[str, str] | None = None) -> int:
    """Each refusal at its field; returns the status of the page."""
    if not error.errors:
        form.add_error(None, error.message)
    for field, texts in error.errors.items():
        name = (names or {}).get(field, field)
        form.add_error(name if name in form.fields else None, [str(text) for text in texts])
    return error.status


class EntryPages(WorkspacePages):
    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        record = "<uuid:patient_id>/record/"
        return [
            path(f"{record}vital-signs/", wrap(self.vitals_view), name="patients_patient_vitals"),
            path(f"{record}no-known-allergy/", wrap(self.none_known_view), name="patients_patient_none_known"),
            path(f"{record}<slug:kind>/add/", wrap(self.entry_add_view), name="patients_patient_entry_add"),
            path(f"{record}<slug:kind>/<uuid:entry_id>/", wrap(self.entry_view), name="patients_patient_entry"),
            *super().get_urls(),
        ]

    # --- Vital signs --------------------------------------------------------------------------------------------------
    def vitals_view(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        actor = actor_of(request)
        writes = may_write_record(actor, patient_id)
        start = {"taken_at": timezone.localtime(), "form_id": new_id()}
        form = VitalsForm(request.POST or None, initial=start, patient_id=patient_id)
        status = int(HTTPStatus.OK)
        unusual = False
        if request.method == "POST":
            status = HTTPStatus.UNPROCESSABLE_ENTITY
            if form.is_valid():
                sent = form.cleaned_data
                try:
                    services.record_vitals(
                        actor=actor,
                        patient_id=patient_id,
                        form_id=sent["form_id"],
                        taken_at=sent["taken_at"],
                        values=form.values(),
                        encounter_id=sent["encounter_id"],
                        note=sent["note"],
                        confirmed=sent["confirmed"],
                    )
                except DomainError as error:
                    unusual = isinstance(error, services.Unusual)
                    status = show_errors(form, error)
                else:
                    self.message_user(request, _("The vital signs are stored."))
                    return HttpResponseRedirect(reverse("admin:patients_patient_vitals", args=[patient_id]))
            elif form.wrong_patient:
                status = HTTPStatus.CONFLICT
        workspace = open_workspace(actor=actor, patient_id=patient_id, tab="vitals", clinical="vital-signs")
        period, offered = plot_periods(request.GET.get("period", ""))
        return self.workspace_page(
            request,
            "admin/patients/patient/vitals.html",
            workspace,
            page_title=_("Vital signs"),
            status=status,
            form=form,
            unusual=unusual or bool(form.data.get("confirmed")),
            may_write=writes,
            plots=vital_plots(patient_id, period),
            periods=offered,
        )

    # --- Entries ------------------------------------------------------------------------------------------------------
    def entry_add_view(self, request: HttpRequest, patient_id: UUID, kind: str) -> HttpResponse:
        """An address for an entry that is not there yet: however often the page sends it, it will be one entry."""
        if kind not in KINDS:
            raise NotFound
        page = reverse("admin:patients_patient_entry", args=[patient_id, kind, new_id()])
        return HttpResponseRedirect(f"{page}?new=1")

    def entry_view(self, request: HttpRequest, patient_id: UUID, kind: str, entry_id: UUID) -> HttpResponse:
        actor = actor_of(request)
        workspace = open_workspace(actor=actor, patient_id=patient_id, tab="record", clinical=kind, item=entry_id)
        model = entry_model(kind)
        row: ClinicalRow | None = model._default_manager.filter(id=entry_id, patient_id=patient_id).first()
        writes = may_write_record(actor, patient_id)
        if row is None and not (writes and (request.method == "POST" or request.GET.get("new") == "1")):
            raise NotFound
        form = why = None
        status = int(HTTPStatus.OK)
        open_to_change = writes and (row is None or not is_withdrawn(row))
        withdrawing = request.POST.get("step") == "withdraw"
        if open_to_change and kind in KINDS:
            start = initial_of(kind, row) if row else {"version": 0}
            data = request.POST if request.method == "POST" and not withdrawing else None
            form = EntryForm(data, initial=start, kind=kind, corrects=row is not None, patient_id=patient_id)
        if open_to_change and row is not None:
            data = request.POST if withdrawing else None
            why = ReasonForm(
                data, initial={"version": row.version}, patient_id=patient_id, prefix=None, auto_id="why_%s"
            )
        if request.method == "POST":
            done, status = self._change(actor, patient_id, kind, entry_id, form, why if withdrawing else None)
            if done:
                self.message_user(request, _("The entry is withdrawn.") if withdrawing else _("The entry is stored."))
                return HttpResponseRedirect(reverse("admin:patients_patient_record", args=[patient_id]) + f"#{kind}")
        history = ClinicalChange.objects.filter(resource=kind, row_id=entry_id).order_by("-version")
        title = str(TITLES[kind])
        return self.workspace_page(
            request,
            "admin/patients/patient/entry.html",
            workspace,
            page_title=title.capitalize() if row else _("New entry: %(kind)s") % {"kind": title},
            status=status,
            form=form,
            why=why,
            row=row,
            kind=kind,
            withdrawn=row is not None and is_withdrawn(row),
            history=list(history),
            offer_none_known=kind == "allergy" and row is None,
        )

    def _change(
        self,
        actor: User,
        patient_id: UUID,
        kind: str,
        entry_id: UUID,
        form: EntryForm | None,
        why: ReasonForm | None,
    ) -> tuple[bool, int]:
        """Whether the entry was changed, and the status of the page that shows what was wrong."""
        sent: BoundForm | None = why or form
        if sent is None:
            raise NotFound
        if not sent.is_valid():
            return False, HTTPStatus.CONFLICT if sent.wrong_patient else HTTPStatus.UNPROCESSABLE_ENTITY
        try:
            if why is not None:
                services.withdraw_entry(
                    actor=actor,
                    patient_id=patient_id,
                    kind=kind,
                    entry_id=entry_id,
                    version=why.cleaned_data["version"],
                    reason=why.cleaned_data["reason"],
                )
            elif form is not None:
                services.record_entry(
                    actor=actor,
                    patient_id=patient_id,
                    kind=kind,
                    entry_id=entry_id,
                    values=form.values(),
                    version=form.cleaned_data["version"],
                    reason=form.cleaned_data.get("why", ""),
                )
        except EntryConflict as error:
            sent.add_error(None, error.message)
            return False, error.status
        except DomainError as error:
            corrects = form is not None and "why" in form.fields and why is None
            return False, show_errors(sent, error, _NAMES if corrects else None)
        return True, HTTPStatus.OK

    def none_known_view(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        """Write down that there is no known allergy: one button, and the place where one is added when there is."""
        actor = actor_of(request)
        if request.method != "POST":
            return HttpResponse(status=HTTPStatus.METHOD_NOT_ALLOWED)
        bound_patient(request, patient_id)
        services.assert_no_known_allergy(actor=actor, patient_id=patient_id, entry_id=new_id())
        self.message_user(request, _("It is written down that no allergy is known."))
        return HttpResponseRedirect(reverse("admin:patients_patient_record", args=[patient_id]) + "#allergy")
