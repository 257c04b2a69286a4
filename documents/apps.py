from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DocumentsConfig(AppConfig):
    name = "documents"
    verbose_name = _("Documents")

    def ready(self) -> None:
        from documents.erasing import HOLDER
        from documents.exporting import SECTION
        from documents.selectors import narrow_section, record_section
        from patients.interface import register_data_holder, register_export_section, register_record_section

        register_record_section("documents", record_section, narrow_section)
        register_export_section("documents", SECTION)
        register_data_holder("documents", HOLDER)

        from documents.owning import DOCUMENTS, UPLOADS
        from medisecure.kernel.owners import register_owner

        register_owner(DOCUMENTS)
        register_owner(UPLOADS)

        from documents.merging import MERGE_PART
        from patients.interface import register_merge_part

        register_merge_part(MERGE_PART)

        from documents import rules
        from documents.imaging.owning import IMAGES
        from documents.imaging.selectors import viewer_address
        from documents.previews import register_viewer

        register_owner(IMAGES)
        register_viewer(rules.DICOM, viewer_address)
