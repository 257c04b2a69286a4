from __future__ import annotations

from datetime import UTC, date
from typing import Any

from rest_framework import serializers

from billing.models import PAYERS, Allocation, Invoice, InvoiceItem, InvoiceShare, Payment, Refund, WriteOff
from medisecure.kernel import clock


class InvoiceQuery(serializers.Serializer[None]):
    """What the list may be narrowed by."""

    status = serializers.MultipleChoiceField(
        choices=Invoice.Status.choices, required=False, help_text="May be repeated."
    )
    patient = serializers.UUIDField(required=False, help_text="A patient's id.")


class ItemOut(serializers.ModelSerializer[InvoiceItem]):
    class Meta:
        model = InvoiceItem
        fields = [
            "code",
            "label",
            "quantity",
            "unit_price_cents",
            "vat_rate",
            "exemption",
            "discount_rate",
            "discount_cents",
            "mandatory_rate",
            "complementary_rate",
            "net_cents",
            "vat_cents",
            "total_cents",
        ]


class ShareOut(serializers.ModelSerializer[InvoiceShare]):
    """What one payer bears (`covered_cents`) and owes the hospital (`amount_cents`). The amounts add up to the total;
    they differ where the patient pays for an insurer and is paid back by it (`third_party` false)."""

    balance_cents = serializers.SerializerMethodField(help_text="What this payer still owes.")

    class Meta:
        model = InvoiceShare
        fields = [
            "payer",
            "insurer",
            "third_party",
            "covered_cents",
            "amount_cents",
            "paid_cents",
            "written_off_cents",
            "balance_cents",
        ]

    def get_balance_cents(self, share: InvoiceShare) -> int:
        return share.balance_cents if share.invoice.is_open else 0


class PaymentOut(serializers.ModelSerializer[Payment]):
    received_at = serializers.DateTimeField(default_timezone=UTC, help_text="UTC.")

    class Meta:
        model = Payment
        fields = ["id", "invoice_id", "patient_id", "payer", "amount_cents", "method", "reference", "received_at"]
        extra_kwargs = {"invoice_id": {"read_only": True}}


class AllocationOut(serializers.ModelSerializer[Allocation]):
    """What a payment has paid of this invoice; less than zero was taken back. `id` is the payment's."""

    id = serializers.UUIDField(source="payment_id")
    payer = serializers.CharField(source="payment.payer")
    method = serializers.CharField(source="payment.method")
    reference = serializers.CharField(source="payment.reference")
    received_at = serializers.DateTimeField(source="made_at", default_timezone=UTC, help_text="UTC.")

    class Meta:
        model = Allocation
        fields = ["id", "kind", "payer", "amount_cents", "method", "reference", "received_at"]


class InvoiceOut(serializers.ModelSerializer[Invoice]):
    """Amounts are whole cents. A credit note's are positive; `credits_id` is the invoice that it cancels."""

    issued_at = serializers.DateTimeField(default_timezone=UTC, allow_null=True, help_text="UTC.")
    credits_id = serializers.UUIDField(allow_null=True)
    balance_cents = serializers.IntegerField(help_text="What the patient still owes, and nobody else.")
    insurers_balance_cents = serializers.IntegerField(help_text="What insurers still owe: no debt of the patient's.")
    overdue = serializers.SerializerMethodField()
    pdf_ready = serializers.SerializerMethodField()

    class Meta:
        model = Invoice
        fields = [
            "id",
            "kind",
            "status",
            "number",
            "patient_id",
            "appointment_id",
            "credits_id",
            "service_date",
            "issued_at",
            "due_date",
            "currency",
            "net_cents",
            "vat_cents",
            "total_cents",
            "paid_cents",
            "written_off_cents",
            "balance_cents",
            "insurers_balance_cents",
            "overdue",
            "pdf_ready",
            "version",
        ]
        read_only_fields = fields

    def get_overdue(self, invoice: Invoice) -> bool:
        today: date = self.context.get("today") or clock.today()
        return invoice.is_overdue(today)

    def get_pdf_ready(self, invoice: Invoice) -> bool:
        return bool(invoice.pdf_key)


class InvoiceDetailOut(InvoiceOut):
    items = ItemOut(many=True)
    shares = ShareOut(many=True)
    payments = AllocationOut(many=True, source="allocations")

    class Meta(InvoiceOut.Meta):
        fields = [*InvoiceOut.Meta.fields, "items", "shares", "payments"]
        read_only_fields = fields


def _whole(form: serializers.Serializer[Any], data: Any, name: str = "amount_cents") -> None:
    amount = data.get(name) if isinstance(data, dict) else None
    # 12.0, "12" and true all pass for whole numbers in Python or DRF; money is given as what it is.
    if amount is not None and type(amount) is not int:
        raise serializers.ValidationError({name: [form.fields[name].error_messages["invalid"]]})


class Money(serializers.Serializer[dict[str, Any]]):
    amount_cents = serializers.IntegerField(min_value=1, max_value=10**12)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        _whole(self, data)
        found: dict[str, Any] = super().to_internal_value(data)
        return found


class PaymentIn(Money):
    method = serializers.ChoiceField(choices=Payment.Method.choices)
    payer = serializers.ChoiceField(choices=PAYERS, required=False, default="patient")
    reference = serializers.CharField(max_length=100, required=False, allow_blank=True, default="")
    keep_rest = serializers.BooleanField(
        required=False, default=False, help_text="What is above what the patient owes stays their credit."
    )


class PartIn(Money):
    invoice_id = serializers.UUIDField()


class SplitPaymentIn(PaymentIn):
    # At most 50: the service says so.
    parts = PartIn(many=True)


class CreditUseIn(Money):
    payer = serializers.ChoiceField(choices=PAYERS, required=False, default="patient")


class RefundIn(Money):
    method = serializers.ChoiceField(choices=Payment.Method.choices)
    reason = serializers.CharField(max_length=200)
    reference = serializers.CharField(max_length=100, required=False, allow_blank=True, default="")
    invoice_id = serializers.UUIDField(
        required=False, allow_null=True, default=None, help_text="Take it back from this invoice, which is owed again."
    )


class RefundOut(serializers.ModelSerializer[Refund]):
    made_at = serializers.DateTimeField(default_timezone=UTC, help_text="UTC.")

    class Meta:
        model = Refund
        fields = ["id", "payment_id", "invoice_id", "amount_cents", "method", "reference", "reason", "made_at"]
        extra_kwargs = {"payment_id": {"read_only": True}, "invoice_id": {"read_only": True}}


class WriteOffIn(Money):
    payer = serializers.ChoiceField(choices=PAYERS)
    reason = serializers.CharField(max_length=200)


class WriteOffOut(serializers.ModelSerializer[WriteOff]):
    made_at = serializers.DateTimeField(default_timezone=UTC, help_text="UTC.")
    payer = serializers.CharField(source="share.payer")

    class Meta:
        model = WriteOff
        fields = ["id", "invoice_id", "payer", "amount_cents", "reason", "made_at"]
        extra_kwargs = {"invoice_id": {"read_only": True}}


class CreditIn(serializers.Serializer[None]):
    reason = serializers.CharField(max_length=200)
