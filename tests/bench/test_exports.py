"""The benchmark of exports: it exports what there is and compares few rows with many."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from medisecure.ops.bench import exports
from tests.cast import ALL_DATABASES


@pytest.mark.django_db(databases=ALL_DATABASES)
def test_what_is_exported_is_counted() -> None:
    exports.prepare()
    call_command("generate_patients", 20, verbosity=0)
    taken = [exports.export(format_) for format_ in exports.FORMATS]
    assert [(one.format, one.rows) for one in taken] == [("csv", 20), ("xlsx", 20)]
    assert all(one.file_mb > 0 and one.peak_mb > 10 for one in taken)


@pytest.mark.embedded
def test_growth_is_the_larger_one_of_the_formats() -> None:
    taken = [
        exports.Taken(format_, rows, 1.0, peak, 0.1)
        for format_, rows, peak in (
            ("csv", 10, 100.0),
            ("csv", 1000, 101.0),
            ("xlsx", 10, 100.0),
            ("xlsx", 1000, 140.0),
        )
    ]
    lines, grown = exports.table(taken)
    assert grown == 40.0
    assert [line.split()[0] for line in lines.splitlines()[1:]] == ["csv", "csv", "xlsx", "xlsx"]
