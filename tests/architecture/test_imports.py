"""Another app is known by its `interface` and by nothing else; the layers themselves are import-linter's work."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
APPS = ("patients", "appointments", "billing", "documents")
PLATFORM = ("medisecure.accounts", "medisecure.audit", "medisecure.notifications", "medisecure.reports")
#: The account itself is the actor of every service; roles are its vocabulary.
OPEN = {"medisecure.accounts.models", "medisecure.accounts.roles"}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def sources() -> list[Path]:
    found = [path for app in APPS for path in (ROOT / app).rglob("*.py")]
    found += [
        path
        for part in ("portal", "ops", *(name.split(".")[1] for name in PLATFORM))
        for path in (ROOT / "medisecure" / part).rglob("*.py")
    ]
    return [path for path in found if "migrations" not in path.parts]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_other_apps_are_reached_by_their_interface(path: Path) -> None:
    home = ".".join(path.relative_to(ROOT).parts[: 2 if path.is_relative_to(ROOT / "medisecure") else 1])
    for name in imports(path):
        for app in (*APPS, *PLATFORM):
            if not name.startswith(f"{app}.") or app == home:
                continue
            rest = name.removeprefix(f"{app}.").split(".")[0]
            module = f"{app}.{rest}"
            assert rest == "interface" or module in OPEN, f"{path.relative_to(ROOT)} imports {name}"


def test_files_stay_short() -> None:
    """A file near 400 lines becomes a package of the same name."""
    long = {
        str(path.relative_to(ROOT)): lines
        for path in [*sources(), *(ROOT / "medisecure" / "kernel").rglob("*.py"), *(ROOT / "medisecure").glob("*.py")]
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert long == {}
