"""The tab "Access": who stands for the patient, what they allow, where they lie; and the way in for an emergency."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.errors import DomainError, Invalid, NotFound, Refused
from patients import services, wards
from patients.access import access_identity
from patients.admin.access_forms import ConsentForm, EmergencyForm, RepresentationForm, show
from patients.admin.bound import bound_patient
from patients.admin.common import actor_of
from patients.admin.offers import sees_access
from patients.admin.workspace import WorkspacePages, open_workspace
from patients.models import Consent, Representation
from patients.rules import representation
from patients.services.consents import MANAGE as MANAGE_CONSENT
from patients.services.emergencies import BREAK
from patients.services.representations import MANAGE as MANAGE_REPRESENTATION
from patients.services.stays import MANAGE as MANAGE_STAY


class AccessPages(WorkspacePages):
    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("<uuid:patient_id>/access/", view(self.access_view), name="patients_patient_access"),
            path("emergency/", view(self.emergency_view), name="patients_patient_emergency"),
            path(
                "<uuid:patient_id>/emergency/end/",
                view(require_POST(self.end_emergency_view)),
                name="patients_patient_emergency_end",
            ),
            *super().get_urls(),
        ]

    # --- Who stands for the patient, and what the patient allows ------------------------------------------------------
    def access_view(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        actor = actor_of(request)
        access_identity(actor=actor, patient_id=patient_id, purpose="consent")
        if not sees_access(actor, patient_id):
            raise Refused
        asked = request.POST.get("do", "") if request.method == "POST" else ""
        stands = RepresentationForm(
            request.POST if asked == "represent" else None, patient_id=patient_id, prefix="stand"
        )
        consent = ConsentForm(request.POST if asked == "consent" else None, patient_id=patient_id, prefix="consent")
        # The id that the page carries stands without a prefix, for the small forms of a line too.
        if asked:
            bound_patient(request, patient_id)
            if self._done(request, actor, patient_id, asked, stands, consent):
                return HttpResponseRedirect(reverse("admin:patients_patient_access", args=[patient_id]))
        workspace = open_workspace(actor=actor, patient_id=patient_id, tab="access")
        return self.workspace_page(
            request,
            "admin/patients/patient/access.html",
            workspace,
            page_title=_("Access and choices"),
            status=HTTPStatus.UNPROCESSABLE_ENTITY if asked else HTTPStatus.OK,
            representations=_representations(patient_id) if actor.has_perm(MANAGE_REPRESENTATION) else None,
            stands_form=stands if actor.has_perm(MANAGE_REPRESENTATION) else None,
            consents=_consents(patient_id) if actor.has_perm(MANAGE_CONSENT) else None,
            consent_form=consent if actor.has_perm(MANAGE_CONSENT) else None,
            stays=wards.stays_of(patient_id) if actor.has_perm(MANAGE_STAY) else None,
            asked=asked,
        )

    def _done(
        self,
        request: HttpRequest,
        actor: User,
        patient_id: UUID,
        asked: str,
        stands: RepresentationForm,
        consent: ConsentForm,
    ) -> bool:
        """Whether what was asked is done; else the form says what is wrong, or a message does."""
        if asked == "represent":
            return self._try(
                request,
                stands,
                lambda: services.record_representation(actor=actor, patient_id=patient_id, entry=stands.entry()),
                _("It is recorded. Both are told."),
            )
        if asked == "consent":
            return self._try(
                request,
                consent,
                lambda: services.record_consent(actor=actor, patient_id=patient_id, choice=consent.choice()),
                _("It is recorded and holds at once."),
            )
        try:
            self._change_line(actor, patient_id, asked, request.POST)
        except DomainError as error:
            for line in error.lines():
                messages.error(request, line)
            return True
        messages.success(request, _("It is recorded and holds at once."))
        return True

    def _try(self, request: HttpRequest, form: Any, act: Any, text: str) -> bool:
        if not form.is_valid():
            return False
        try:
            act()
        except NotFound:
            raise
        except DomainError as error:
            show(form, error)
            return False
        messages.success(request, text)
        return True

    @staticmethod
    def _change_line(actor: User, patient_id: UUID, asked: str, posted: Any) -> None:
        try:
            row_id, version = UUID(posted.get("row", "")), int(posted.get("version", "0")[:9])
        except ValueError:
            raise NotFound from None
        if asked == "withdraw":
            if not Consent.objects.filter(id=row_id, patient_id=patient_id).exists():
                raise NotFound
            services.withdraw_consent(actor=actor, consent_id=row_id)
            return
        if not Representation.objects.filter(id=row_id, patient_id=patient_id).exists():
            raise NotFound
        if asked == "end":
            services.end_representation(actor=actor, representation_id=row_id, version=version)
        elif asked in ("restrict", "release"):
            services.restrict_representation(
                actor=actor, representation_id=row_id, version=version, restricted=asked == "restrict"
            )
        else:
            raise Invalid({"do": [_("This form was not complete. Please try again.")]})

    # --- Emergency ----------------------------------------------------------------------------------------------------
    def emergency_view(self, request: HttpRequest) -> HttpResponse:
        """One form: who, and why. Nothing about anybody is shown before the reason is given."""
        actor = actor_of(request)
        if not actor.has_perm(BREAK):
            raise Refused
        form = EmergencyForm(
            request.POST if request.method == "POST" else None,
            initial={"record_number": request.GET.get("record_number", "")[:40]},
        )
        if form.is_valid() and (patient_id := self._open_emergency(actor, form)):
            messages.warning(request, _("The record is open to you. The privacy officer has been told."))
            return HttpResponseRedirect(reverse("admin:patients_patient_record", args=[patient_id]))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Emergency access"),
            "opts": self.opts,
            "form": form,
        }
        status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
        return TemplateResponse(request, "admin/patients/patient/emergency.html", context, status=status)

    @staticmethod
    def _open_emergency(actor: User, form: EmergencyForm) -> UUID | None:
        values = form.cleaned_data
        try:
            services.check_reason(values["reason_code"], values["reason"])
            names = ("birth_date", "record_number", "family_name", "given_name")
            patient_id = services.find_for_emergency(actor=actor, **{name: values[name] for name in names})
            services.open_emergency(
                actor=actor, patient_id=patient_id, reason_code=values["reason_code"], reason=values["reason"]
            )
        except DomainError as error:
            show(form, error)
            return None
        return patient_id

    def end_emergency_view(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        bound_patient(request, patient_id)
        services.end_emergency(actor=actor_of(request), patient_id=patient_id)
        messages.success(request, _("The emergency access is closed."))
        return HttpResponseRedirect(reverse("admin:index"))


def _representations(patient_id: UUID) -> list[Representation]:
    rows = list(Representation.objects.filter(patient_id=patient_id).select_related("user", "recorded_by", "patient"))
    today = clock.today()
    for row in rows:
        row.state = _state(row, today)  # type: ignore[attr-defined]
    return rows


def _state(row: Representation, today: Any) -> str:
    """In words, and empty while it holds."""
    if row.ended_at is not None:
        return _("ended")
    if row.ends_on is not None and row.ends_on < today:
        return _("over")
    if row.starts_on > today:
        return _("not begun yet")
    birth = row.patient.birth_date
    if row.kind == representation.PARENT and (birth is None or not representation.is_minor(birth, today)):
        return _("over: of age")
    return ""


def _consents(patient_id: UUID) -> list[Consent]:
    rows = Consent.objects.filter(patient_id=patient_id)
    return list(rows.select_related("practitioner", "unit", "recorded_by")[:100])
