"""MediSecure: a hospital's platform. Importing it makes the Celery application known to every process."""

from __future__ import annotations

from medisecure.celery import app as celery_app

__all__ = ["celery_app"]
