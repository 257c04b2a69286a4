"""Forms of staff's pages."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from medisecure.accounts.models import User
from medisecure.kernel import clock
from medisecure.kernel.errors import Invalid, Stale
from medisecure.kernel.ids import new_id
from patients import rules, services
from patients.admin.bound import BoundForm
from patients.admin.parts import Parts, ids
from patients.admin.registering import DuplicateCheck
from patients.models import IdentityCheck, Patient, Practitioner
from patients.sheets import contacts_of, insurers_of

IDENTITY = ("family_name", "given_names", "used_name", "birth_date", "sex", "birth_place", "birth_place_code")
CONTACT = ("phone", "email", "address_line", "postal_code", "city", "region", "country", "language")
CARE = ("primary_practitioner",)


class PatientForm(DuplicateCheck, BoundForm, forms.ModelForm[Patient]):
    """A patient's whole identity with the lists below it (`parts`): valid together, saved together."""

    #: Who fills it in; the page makes a class of its own for them.
    actor: ClassVar[User | None] = None

    #: What the page was made from: a form that somebody else overtook is refused.
    seen_version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    #: Made with the form: sent twice it registers one patient.
    form_key = forms.UUIDField(widget=forms.HiddenInput, required=False)
    # Declared, so that the admin hangs no link to the practitioner's own page beside it.
    primary_practitioner = forms.ModelChoiceField(
        label=_("Primary practitioner"), queryset=Practitioner.objects.none(), required=False, empty_label="—"
    )

    class Meta:
        model = Patient
        fields = (*IDENTITY, *CONTACT, *CARE)
        # The browser's own: "today" and the server's clock mean nothing for a date of birth.
        widgets = {"birth_date": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")}
        help_texts = {"birth_place_code": _("INSEE’s code: 75056, 2A004; 99 and three digits for a birth abroad.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        instance: Patient | None = kwargs.get("instance")
        super().__init__(*args, patient_id=instance.id if instance else None, **kwargs)
        self.parts: Parts | None = None
        #: True when this very form has registered its patient already.
        self.repeated = False
        if "family_name" not in self.fields:
            return  # a page that only shows
        self.fields["seen_version"].initial = self.instance.version
        self.fields["form_key"].initial = new_id()
        for name in ("given_names", "birth_date"):
            self.fields[name].required = True
        kept = Q(active=True) | Q(id=self.instance.primary_practitioner_id)
        self.fields["primary_practitioner"].queryset = Practitioner.objects.filter(kept)  # type: ignore[attr-defined]
        self.parts = Parts(
            self.data if self.is_bound else None,
            contacts_of(instance.id) if instance else (),
            insurers_of(instance.id) if instance else (),
            fresh=instance is None,
        )

    def is_valid(self) -> bool:
        right = self.bound_to is None or self.data.get("patient_id") == str(self.bound_to)
        if self.parts is not None and self.parts.adding and right:
            # One more row was asked for: the page comes back as it was typed, and nothing is judged yet.
            self._errors = forms.utils.ErrorDict()
            return False
        return super().is_valid()

    def ended(self) -> list[str]:
        """The numbers whose box was ticked."""
        return self.data.getlist("end_identifiers") if hasattr(self.data, "getlist") else []

    def identity(self) -> services.Identity:
        values = {name: self.cleaned_data[name] for name in IDENTITY}
        return services.Identity(**{name: value or "" for name, value in values.items()})  # type: ignore[arg-type]

    def contact(self) -> services.Contact:
        return services.Contact(**{name: self.cleaned_data[name] or "" for name in CONTACT})

    def details(self) -> services.Details:
        assert self.parts is not None  # noqa: S101 - a page that only shows is not posted
        practitioner = self.cleaned_data.get("primary_practitioner")
        return services.Details(
            keep_practitioner="primary_practitioner" not in self.changed_data,
            practitioner_id=practitioner.id if practitioner else None,
            new_identifiers=self.parts.new_identifiers(),
            end_identifiers=ids(self.ended()),
            contacts=self.parts.contacts() if self.parts.changed("contacts") else None,
            insurers=self.parts.insurers() if self.parts.changed("insurers") else None,
        )

    def detailed(self) -> bool:
        """Whether something of the details was changed."""
        lists = self.parts is not None and any(self.parts.changed(name) for name in Parts.NAMES)
        return lists or bool(self.ended()) or "primary_practitioner" in self.changed_data

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        adding = self.instance._state.adding
        if not adding and self.cleaned_data.get("seen_version") != self.instance.version:
            # What was typed stays on the page, to be compared with what is there now.
            self.add_error(None, str(Stale.title))
        if self.parts is not None and not self.parts.is_valid():
            self.add_error(None, _("Please correct the lists below."))
        if self.errors:
            return cleaned
        self.repeated = adding and services.has_registered(self.actor, self.key())
        if self.repeated:
            return cleaned  # the service answers with the patient that there is
        faults: dict[str, list[str]] = {}
        services.collected(faults, services.check_identity, self.identity())
        services.collected(faults, services.check_contact, self.contact())
        try:
            details = self.details()
        except ValueError:
            self.add_error(None, _("Please correct the lists below."))
            return cleaned
        traits = rules.Traits(self.cleaned_data["sex"], self.cleaned_data["birth_date"])
        faults |= services.check_details(
            details, traits, actor=self.actor, patient_id=None if adding else self.bound_to
        )
        self.show_faults(Invalid(faults))
        if adding and not self.errors:
            self.check_duplicates(self.identity(), self.contact(), details.new_identifiers)
        return cleaned

    def show_faults(self, error: Invalid) -> None:
        if not error.errors:
            return
        rest = self.parts.show_faults(error.errors) if self.parts else {}
        if len(rest) < len(error.errors):
            self.add_error(None, _("Please correct the lists below."))
        for field, texts in rest.items():
            self.add_error(field if field in self.fields else None, [str(text) for text in texts])

    def key(self) -> str:
        return str(self.cleaned_data.get("form_key") or "")


class VerifyForm(BoundForm):
    """The document that says who the patient is."""

    seen_version = forms.IntegerField(widget=forms.HiddenInput)
    document = forms.ChoiceField(label=_("Document"), choices=IdentityCheck.Document.choices)
    number = forms.CharField(
        label=_("Number of the document"), required=False, help_text=_("Stored encrypted. May stay empty.")
    )
    country = forms.CharField(
        label=_("Issuing country"), required=False, help_text=_("Two letters: FR, DE, MA …"), max_length=20
    )
    seen_on = forms.DateField(
        label=_("Seen on"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), initial=clock.today
    )


class WithdrawForm(BoundForm):
    """Why the identity is provisional again."""

    seen_version = forms.IntegerField(widget=forms.HiddenInput)
    because = forms.ChoiceField(
        label=_("Why"),
        choices=[(reason.value, reason.label) for reason in (IdentityCheck.Ended.MISTAKE, IdentityCheck.Ended.DOUBT)],
        widget=forms.RadioSelect,
    )


__all__ = ["CARE", "CONTACT", "IDENTITY", "PatientForm", "VerifyForm", "WithdrawForm"]
