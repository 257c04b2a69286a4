"""The staff's pages for reports and exports."""

from __future__ import annotations

from medisecure.reports.admin.jobs import JobAdmin

__all__ = ["JobAdmin"]
