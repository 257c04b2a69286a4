"""What the pages for staff share."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest

from medisecure.accounts.models import User
from medisecure.kernel.errors import NotFound
from patients.models import Patient


def actor_of(request: HttpRequest) -> User:
    if not isinstance(request.user, User):  # the admin site lets nobody in who has not signed in
        raise NotFound
    return request.user


def patient_id_of(object_id: str) -> Any:
    try:
        return Patient._meta.pk.to_python(object_id)
    except forms.ValidationError:
        raise NotFound from None
