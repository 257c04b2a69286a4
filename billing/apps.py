from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BillingConfig(AppConfig):
    name = "billing"
    verbose_name = _("Billing")

    def ready(self) -> None:
        from billing.erasing import HOLDER
        from billing.exporting import SECTION
        from billing.services.dunning import true_claims
        from billing.triggers import GUARD
        from medisecure.notifications.interface import register_claim
        from patients.interface import register_data_holder, register_export_section

        GUARD.connect(self)
        register_claim("dunning", true_claims)

        from billing.owning import PAPERS
        from medisecure.kernel.owners import register_owner

        register_owner(PAPERS)
        register_export_section("billing", SECTION)
        register_data_holder("billing", HOLDER)

        from billing.services.merging import MERGE_PART
        from patients.interface import register_merge_part

        register_merge_part(MERGE_PART)
