"""Celery entry points of the access log."""

from __future__ import annotations

from celery import shared_task

from medisecure.audit import anchors, seals


@shared_task(name="audit.seal")
def seal() -> int:
    return seals.seal()


@shared_task(name="audit.anchor")
def anchor() -> str | None:
    """Keep the end of the chain outside the database."""
    return anchors.anchor()


@shared_task(name="audit.seal_late")
def seal_late() -> int:
    """What committed so late that no run saw it (a transaction of hours, a server whose clock was wrong)."""
    return seals.seal(everything=True)
