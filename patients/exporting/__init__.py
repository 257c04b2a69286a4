"""Everything that is kept about a patient, in one ZIP for them (GDPR art. 15 and 20; CSP art. L1111-7)."""

from __future__ import annotations

from patients.exporting.archive import Manifest, write_archive
from patients.exporting.hooks import (
    ExportFile,
    ExportSection,
    PaperTable,
    Resource,
    Row,
    register_export_section,
    table_rows,
)
from patients.exporting.jobs import expire_exports, pending_exports, run_export
from patients.exporting.requests import ExportLine, export_url, exports_of, request_export

__all__ = [
    "ExportFile",
    "ExportLine",
    "ExportSection",
    "Manifest",
    "PaperTable",
    "Resource",
    "Row",
    "expire_exports",
    "export_url",
    "exports_of",
    "pending_exports",
    "register_export_section",
    "request_export",
    "run_export",
    "table_rows",
    "write_archive",
]
