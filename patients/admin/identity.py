"""The tab of the identity: its lists beside Django's form, the document that verifies it, whole numbers on request."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, JsonResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _

from medisecure.accounts.models import User
from medisecure.kernel.errors import Conflict, Invalid, NotFound
from patients import services
from patients.admin.bound import BoundForm, bound_patient
from patients.admin.common import actor_of
from patients.admin.forms import CARE, CONTACT, IDENTITY, VerifyForm, WithdrawForm
from patients.admin.workspace import WorkspacePages, open_workspace
from patients.identifiers import identifiers_of
from patients.models import Patient
from patients.models.people import IdentityStatus
from patients.sheets import checks_of, sheet_of


class IdentityPages(WorkspacePages):
    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        own = [
            path("<uuid:patient_id>/verify/", view(self.verify_view), name="patients_patient_verify"),
            path("<uuid:patient_id>/reveal/", view(self.reveal_view), name="patients_patient_reveal"),
        ]
        return [*own, *super().get_urls()]

    def get_form(self, request: HttpRequest, obj: Patient | None = None, change: bool = False, **kwargs: Any) -> Any:
        made: Any = super().get_form(request, obj, change, **kwargs)
        return type(made.__name__, (made,), {"actor": actor_of(request)})

    def get_fieldsets(self, request: HttpRequest, obj: Patient | None = None) -> Any:
        if obj is not None:
            return super().get_fieldsets(request, obj)
        # What the hospital gives or finds out later has no place on an empty form.
        return (
            (_("Identity"), {"fields": IDENTITY}),
            (_("Contact"), {"fields": CONTACT}),
            (_("Care"), {"fields": (*CARE, "seen_version", "form_key", "patient_id")}),
        )

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        # There is no patient to frame the page with yet: it is Django's own.
        extra = {**(extra_context or {}), "workspace_base": "admin/change_form.html", "title": _("Register a patient")}
        try:
            return super().add_view(request, form_url, extra)
        except (Conflict, Invalid):
            # Another page was faster. The form is read once more, with what is there now, and says it at its field.
            return super().add_view(request, form_url, extra)

    def save_model(self, request: HttpRequest, obj: Patient, form: Any, change: bool) -> None:
        actor = actor_of(request)
        if not change:
            card = services.register_patient(
                actor=actor,
                identity=form.identity(),
                contact=form.contact(),
                details=form.details() if not form.repeated else None,
                key=form.key(),
                confirm_new=bool(form.cleaned_data.get("confirm_new")),
                compared=form.shown_before(),
            )
            obj.id = card.id
            obj.refresh_from_db()
            return
        touched = set(form.changed_data)
        before = Patient.objects.values_list("identity_status", flat=True).get(id=obj.id)
        identity = form.identity() if touched & set(IDENTITY) else None
        contact = form.contact() if touched & set(CONTACT) else None
        details = form.details() if form.detailed() else None
        if identity or contact or details:
            services.save_patient(
                actor=actor,
                patient_id=obj.id,
                version=form.cleaned_data.get("seen_version") or 0,
                identity=identity,
                contact=contact,
                details=details,
            )
        obj.refresh_from_db()
        if (before, obj.identity_status) == (IdentityStatus.VERIFIED, IdentityStatus.PROVISIONAL):
            text = _("Name, birth or sex were changed: the identity is provisional again. Verify it with a document.")
            messages.warning(request, text)

    def lists_of(self, actor: User, patient_id: UUID) -> dict[str, Any]:
        """What the identity's page shows beside the form."""
        patient = Patient.objects.select_related("primary_practitioner").get(id=patient_id)
        return {
            "sheet": sheet_of(patient),
            "may_verify": actor.has_perm("patients.change_patient"),
            "may_reveal": actor.has_perm("patients.reveal_identifier"),
        }

    # --- whole numbers ------------------------------------------------------------------------------------------------
    def reveal_view(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        """The whole number, for the script as JSON; without it as a page of its own, so that the form beside it stays
        as it was typed. `item` is "identifier" or "insurer", a colon, and the row's id."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        bound_patient(request, patient_id)
        actor = actor_of(request)
        kind, _colon, text = request.POST.get("item", "").partition(":")
        try:
            row_id = UUID(text)
        except ValueError:
            raise NotFound from None
        if kind == "identifier":
            value = services.reveal_identifier(actor=actor, patient_id=patient_id, identifier_id=row_id)
        elif kind == "insurer":
            value = services.reveal_member_number(actor=actor, patient_id=patient_id, coverage_id=row_id)
        else:
            raise NotFound
        if "application/json" in request.headers.get("Accept", ""):
            return JsonResponse({"value": value}, headers={"Cache-Control": "no-store, private"})
        workspace = open_workspace(actor=actor, patient_id=patient_id, tab="identity")
        return self.workspace_page(
            request,
            "admin/patients/patient/revealed.html",
            workspace,
            page_title=_("Whole number"),
            value=value,
        )

    # --- verification -------------------------------------------------------------------------------------------------
    def verify_view(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        """Which document was seen; for a verified identity also the way back."""
        actor = actor_of(request)
        # The door first: who is out of sight is not there, whatever the role.
        workspace = open_workspace(actor=actor, patient_id=patient_id, tab="identity")
        if not actor.has_perm("patients.change_patient"):
            raise PermissionDenied
        patient = Patient.objects.get(id=patient_id)
        start = {"seen_version": patient.version}
        withdrawing = "withdraw" in request.POST
        posted = request.POST if request.method == "POST" else None
        verify = VerifyForm(None if withdrawing else posted, patient_id=patient_id, initial=start)
        withdraw = WithdrawForm(posted if withdrawing else None, patient_id=patient_id, initial=start, auto_id="w_%s")
        form: BoundForm = withdraw if withdrawing else verify
        if posted is not None and form.is_valid() and self._judge(request, actor, patient_id, form):
            return HttpResponseRedirect(reverse("admin:patients_patient_change", args=[patient_id]))
        return self.workspace_page(
            request,
            "admin/patients/patient/verify.html",
            workspace,
            page_title=_("Verify the identity"),
            status=HTTPStatus.UNPROCESSABLE_ENTITY if posted is not None else HTTPStatus.OK,
            patient=patient,
            verify=verify,
            withdraw=withdraw if patient.identity_status == IdentityStatus.VERIFIED else None,
            checks=checks_of(patient_id),
            identifiers=identifiers_of(patient),
        )

    def _judge(self, request: HttpRequest, actor: User, patient_id: UUID, form: BoundForm) -> bool:
        values = form.cleaned_data
        version = values["seen_version"]
        try:
            if isinstance(form, VerifyForm):
                services.verify_identity(
                    actor=actor,
                    patient_id=patient_id,
                    version=version,
                    document=values["document"],
                    seen_on=values["seen_on"],
                    country=values["country"],
                    number=values["number"],
                )
                messages.success(request, _("The identity is verified."))
            else:
                services.withdraw_verification(
                    actor=actor, patient_id=patient_id, version=version, because=values["because"]
                )
                messages.success(request, _("The identity is provisional again."))
        except Invalid as error:
            for field, texts in error.errors.items():
                form.add_error(field, [str(text) for text in texts])
            return False
        except Conflict as error:
            form.add_error(None, error.message)
            return False
        return True
