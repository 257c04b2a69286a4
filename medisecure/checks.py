"""System checks that refuse a half-configured start. `manage.py check --deploy` runs them all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as Caution
from django.db import models

from medisecure.kernel.databases import alias_for


def cross_database_relations() -> list[tuple[str, str]]:
    """(field, model it points to) for each relation whose two ends live in different databases."""
    found = []
    for model in apps.get_models():
        for field in model._meta.get_fields():
            target = getattr(field, "related_model", None)
            if (
                not getattr(field, "concrete", False)
                or not isinstance(target, type)
                or not issubclass(target, models.Model)
            ):
                continue
            if alias_for(target) != alias_for(model):
                found.append((f"{model._meta.label}.{field.name}", target._meta.label))
    return found


@register(Tags.models)
def relations_stay_in_one_database(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    return [
        Error(
            f"{field} points to {target}, which lives in another database.",
            hint="Keep the id in an indexed UUIDField and ask the other app's interface.",
            id="medisecure.E001",
        )
        for field, target in cross_database_relations()
    ]


@register(Tags.security, deploy=True)
def production_is_whole(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Outside the embedded start every part must be a server, over HTTPS, with a second factor for staff."""
    found: list[CheckMessage] = []
    if settings.EMBEDDED:
        return [
            Caution(
                "This is the embedded start: everything is on this machine's disk.",
                hint="Set the variables of deploy/env.example before real patients are in it.",
                id="medisecure.W001",
            )
        ]
    engines = {alias: values["ENGINE"] for alias, values in settings.DATABASES.items()}
    for alias, engine in engines.items():
        if "sqlite" in engine:
            variable = {"default": "DATABASE_URL", "appointments": "APPOINTMENTS_URL", "billing": "BILLING_URL"}[alias]
            found.append(Error(f"Database {alias!r} is embedded.", hint=f"Set {variable}.", id="medisecure.E002"))
    for present, variable in (
        (settings.S3, "S3_URL"),
        (settings.CELERY_BROKER_URL.startswith("amqp"), "BROKER_URL"),
        (settings.CELERY_RESULT_BACKEND, "REDIS_URL"),
        (settings.EMAIL_BACKEND.endswith("smtp.EmailBackend"), "EMAIL_URL"),
        (settings.METRICS_TOKEN, "METRICS_TOKEN"),
        (settings.BILLING_SELLER, "BILLING_SELLER"),
    ):
        if not present:
            found.append(Error(f"{variable} is not set.", hint="See deploy/env.example.", id="medisecure.E003"))
    if not settings.PUBLIC_URL.startswith("https://"):
        found.append(
            Error(
                "PUBLIC_URL is not https://.", hint="Records must not cross a network in clear.", id="medisecure.E004"
            )
        )
    if not settings.STAFF_MFA_REQUIRED:
        found.append(Error("STAFF_MFA is optional.", hint="Set STAFF_MFA=required.", id="medisecure.E005"))
    if settings.PAYMENT_PROVIDER == "local-test":
        found.append(
            Error(
                "PAYMENT_PROVIDER is the one for trying.",
                hint="Anybody could mark an invoice as paid on its page. Set PAYMENT_PROVIDER=none.",
                id="medisecure.E006",
            )
        )
    return found
