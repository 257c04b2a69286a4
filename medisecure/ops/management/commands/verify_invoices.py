"""`manage.py verify_invoices`: are numbers, sums, payments and seals of the issued invoices what they must be."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from billing.interface import InvoiceFinding, InvoiceProblem, InvoiceVerification, issued_count, verify_invoices

_SENTENCES = {
    InvoiceProblem.GAP: "{number}: missing, the next one is {detail}",
    InvoiceProblem.COUNTER: "{number}: the counter and the last number do not agree ({detail})",
    InvoiceProblem.NUMBER: "{number}: bears another number, {detail}",
    InvoiceProblem.ORDER: "{number}: its date does not fit its number ({detail})",
    InvoiceProblem.TOTALS: "{number}: its amounts do not follow from its lines ({detail})",
    InvoiceProblem.SHARES: "{number}: the parts of its payers are not what its lines make them ({detail})",
    InvoiceProblem.PAID: "{number}: its state and what is noted as paid do not follow from its payments ({detail})",
    InvoiceProblem.PAYMENT: "payment {number}: more was used and given back than came in ({detail})",
    InvoiceProblem.CREDIT: "{number}: the credit note and the invoice that it cancels do not agree {detail}",
    InvoiceProblem.SEAL: "{number}: was altered after it was issued, or put in the place of another one",
    InvoiceProblem.UNSEALED: "{number}: has no seal",
    InvoiceProblem.UNCHECKED: "{number}: its seal cannot be checked, the invoice before it is missing",
    InvoiceProblem.PAPER: "{number}: its stored paper is {detail}",
    InvoiceProblem.ANCHOR_MISSING: "no invoice bears the seal {detail}: the end was cut off, or it was made anew",
}


class Command(BaseCommand):
    help = "Prove the sequence, the sums and the seals of the issued invoices; name what is wrong; exit 1 then."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON document, for a monitor")
        parser.add_argument("--expect", default="", metavar="SEAL", help="a seal of before: does an invoice bear it")
        parser.add_argument("--papers", action="store_true", help="read every stored PDF too and compare its digest")

    def handle(self, *args: Any, **options: Any) -> None:
        expect = options["expect"].strip().lower()
        if expect and not re.fullmatch(r"[0-9a-f]{64}", expect):
            raise CommandError("--expect takes a seal: 64 hexadecimal digits")
        seen = InvoiceVerification()
        found: list[InvoiceFinding] = []
        with tqdm(total=issued_count(), unit=" invoices", disable=options["json"] or None) as bar:
            for finding in verify_invoices(seen, expect=expect, papers=options["papers"]):
                if finding is None:
                    bar.update()
                elif options["json"]:
                    found.append(finding)
                else:
                    self.stdout.write(_SENTENCES[finding.problem].format(**asdict(finding)).strip())
        if options["json"]:
            report = {"well": not found, **asdict(seen), "findings": [asdict(finding) for finding in found]}
            self.stdout.write(json.dumps(report, indent=2))
        else:
            self.stdout.write(f"{seen.invoices} invoices, {sum(seen.problems.values())} problems")
            if expect and seen.expected_at:
                self.stdout.write(f"expected seal: at {seen.expected_at}")
            for name, head in seen.heads.items():
                self.stdout.write(f"last seal of {name}: {head}")
        if seen.problems:
            raise SystemExit(1)
