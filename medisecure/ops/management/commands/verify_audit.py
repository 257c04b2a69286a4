"""`manage.py verify_audit`: is every entry of the access log still what was sealed."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from medisecure.audit.interface import Finding, Problem, Verification, verify

_SENTENCES = {
    Problem.ALTERED: "entry {entry_id} (seal {sequence}) was altered",
    Problem.REMOVED: "entry {entry_id} (seal {sequence}) was removed",
    Problem.SEALS_MISSING: "seals {detail} are missing",
    Problem.CHAIN_BROKEN: "seal {sequence} (entry {entry_id}) does not follow the one before it: seals were altered, "
    "removed or put in another order here",
    Problem.UNSEALED: "entry {entry_id} should have been sealed and is not",
    Problem.ANCHOR_MISSING: "the chain does not contain {detail}: its end was cut off, or it was made anew",
}


class Command(BaseCommand):
    help = "Recompute the hashes of the access log; name what was altered, removed, reordered; exit 1 then."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON document, for a monitor")
        parser.add_argument("--expect", default="", metavar="HASH", help="a chain hash of before: is it still in there")
        parser.add_argument("--anchors", action="store_true", help="compare with what object storage has of it")
        parser.add_argument(
            "--minutes", type=int, default=10, help="an entry that is older and has no seal is a problem (default 10)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        expect = options["expect"].strip().lower()
        if expect and not re.fullmatch(r"[0-9a-f]{64}", expect):
            raise CommandError("--expect takes a chain hash: 64 hexadecimal digits")
        seen = Verification()
        age = timedelta(minutes=max(0, options["minutes"]))
        findings = verify(seen, expect=expect, unsealed_after=age, with_anchors=options["anchors"])
        if options["json"]:
            found = [asdict(finding) for finding in findings]
            self.stdout.write(json.dumps({"well": not found, **asdict(seen), "findings": found}, indent=2))
        else:
            for finding in findings:
                self.stdout.write(_sentence(finding))
            self.stdout.write(f"{seen.entries} entries, {seen.seals} seals, {sum(seen.problems.values())} problems")
            if options["anchors"]:
                self.stdout.write(f"{seen.anchors} anchors compared")
            if seen.expected_at is not None and expect:
                self.stdout.write(f"expected hash: at seal {seen.expected_at}")
            self.stdout.write(f"last seal {seen.last_sequence}, chain hash {seen.chain_hash}")
        if seen.problems:
            raise SystemExit(1)


def _sentence(finding: Finding) -> str:
    return _SENTENCES[finding.problem].format(**asdict(finding))
