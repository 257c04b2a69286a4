"""Database routing, strict both ways.

A model is read and written in one database only. `allow_relation` refuses a relation across two of them, and the
guards in `medisecure.kernel.models` refuse a `using()` that names the wrong one.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Model

from medisecure.kernel.databases import alias_for, alias_for_app


class AppRouter:
    def db_for_read(self, model: type[Model], **hints: Any) -> str:
        return alias_for(model)

    def db_for_write(self, model: type[Model], **hints: Any) -> str:
        return alias_for(model)

    def allow_relation(self, obj1: Model, obj2: Model, **hints: Any) -> bool:
        return alias_for(obj1) == alias_for(obj2)

    def allow_migrate(self, db: str, app_label: str, model_name: str | None = None, **hints: Any) -> bool:
        return db == alias_for_app(app_label)
