"""Lists of the admin whose rows name people: written down before they are shown, and named in a few queries."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest

from medisecure.accounts.models import User
from medisecure.audit.interface import record_access


class WrittenDown(ChangeList):
    """One access entry for the page; then the admin's `name_rows(request, rows)` hangs onto the rows what their columns
    show."""

    resource: ClassVar[str]
    action: ClassVar[str] = "list"

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows: list[Any] = list(self.result_list)
        record_access(
            actor=cast(User, request.user),
            patient_id=None,
            action=self.action,
            resource=self.resource,
            purpose="appointments",
            right="role",
        )
        cast(Any, self.model_admin).name_rows(request, rows)
        self.result_list = rows
