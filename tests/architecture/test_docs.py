"""What the documents say is there: links, files, commands, settings, addresses, roles, tables and events."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import get_commands
from django.urls import get_resolver

from medisecure.accounts.roles import PERMISSIONS, Role
from medisecure.kernel.databases import alias_for
from medisecure.kernel.event_queues import QUEUES
from medisecure.kernel.events import CATALOGUE
from tests.architecture.test_urls import walk

ROOT = Path(settings.BASE_DIR)
DOCS = ROOT / "docs"
#: Hidden folders hold environments and caches, `var` holds data.
_FOLDERS = [path for path in ROOT.iterdir() if path.is_dir() and path.name != "var" and not path.name.startswith(".")]
PAGES = sorted([*ROOT.glob("*.md"), *(page for folder in _FOLDERS for page in folder.rglob("*.md"))])
#: Read in settings and of no use to an installation: why each is not in env.example.
NOT_FOR_INSTALLATIONS = {"STATIC_MANIFEST": "tests do without collectstatic"}

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_FILE = re.compile(r"[\w.-]+(?:/[\w.-]+)+\.(?:py|toml|md|txt|in|ya?ml|cfg|html|po|typ|example)|[\w.-]+(?:/[\w.-]+)*/")


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _anchors(path: Path) -> set[str]:
    """The anchors that a page's headings get: lower case, no punctuation, hyphens for blanks."""
    headings = re.findall(r"^#+\s+(.+)$", _read(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in _LINK.findall(_read(page)):
        if re.match(r"[a-z]+:", target):
            continue
        place, _hash, anchor = target.partition("#")
        path = (page.parent / place).resolve() if place else page
        assert path.exists(), f"{_name(page)} links to {target}"
        if anchor:
            assert anchor in _anchors(path), f"{_name(page)} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_file_that_is_named_exists(page: Path) -> None:
    """`a/b.py` and `a/b/` are paths from the root or from the page; those below `var` and of libraries are not ours."""
    ours = {path.name for path in ROOT.iterdir()} - {"var"}
    for text in _CODE.findall(_read(page)):
        if not _FILE.fullmatch(text) or text.split("/")[0] not in ours:
            continue
        assert (ROOT / text).exists() or (page.parent / text).exists(), f"{_name(page)} names {text}"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_command_exists(page: Path) -> None:
    named = set(re.findall(r"manage\.py ([a-z][a-z_]*)", _read(page)))
    assert named <= set(get_commands()), f"{_name(page)}: {sorted(named - set(get_commands()))}"


def test_each_command_of_ours_is_in_the_guide() -> None:
    text = _read(DOCS / "guide-operations.md")
    ours = {name for name, app in get_commands().items() if app == "medisecure.ops"}
    assert {name for name in ours if f"manage.py {name}" not in text} == set()


# --- Settings ---------------------------------------------------------------------------------------------------------
def _described() -> set[str]:
    return set(re.findall(r"^([A-Z][A-Z0-9_]*)=", _read(ROOT / "deploy" / "env.example"), re.MULTILINE))


def _read_by_code() -> set[str]:
    names = ("settings.py", "access_times.py", "backends.py", "book_settings.py", "document_limits.py")
    text = "".join(_read(ROOT / "medisecure" / name) for name in names)
    found = set(re.findall(r"\benv\.\w+\(\s*\"([A-Z][A-Z0-9_]*)\"", text))
    gunicorn = _read(ROOT / "deploy" / "gunicorn.conf.py")
    return found | set(re.findall(r"os\.environ\.get\(\s*\"([A-Z][A-Z0-9_]*)\"", gunicorn))


def test_every_variable_that_is_read_is_described_and_the_other_way_round() -> None:
    assert _described() == _read_by_code() - NOT_FOR_INSTALLATIONS.keys()
    assert NOT_FOR_INSTALLATIONS.keys() <= _read_by_code()


def test_compose_sets_only_variables_that_are_described() -> None:
    text = _read(ROOT / "deploy" / "compose" / "compose.yaml")
    block = text.split("&app-environment\n", 1)[1].split("\n  secrets:", 1)[0]
    names = {name.removesuffix("_FILE") for name in re.findall(r"^    ([A-Z][A-Z0-9_]*):", block, re.MULTILINE)}
    assert names
    assert names <= _described()


# --- Tables that repeat the code --------------------------------------------------------------------------------------
def test_the_table_of_roles_is_that_of_the_code() -> None:
    roles = list(Role)
    rows = ["| permission | " + " | ".join(role.value for role in roles) + " |", "|---" * (len(roles) + 1) + "|"]
    for name in sorted(set().union(*PERMISSIONS.values())):
        cells = ["yes" if name in PERMISSIONS[role] else "" for role in roles]
        rows.append(f"| `{name}` | " + " | ".join(cells) + " |")
    table = "\n".join(rows)
    assert table in _read(DOCS / "roles.md"), f"docs/roles.md must hold:\n{table}"


def test_the_guide_lists_every_address_of_the_api() -> None:
    routes = {f"/{route}" for route, _pattern in walk(get_resolver().url_patterns) if route.startswith("api/")}
    expected = {re.sub(r"<[^>]+>", "{id}", route) for route in routes}
    rows = re.findall(r"^\| `(?:GET|POST|DELETE)` \| `(/api/[^`]+)` \|", _read(DOCS / "guide-api.md"), re.MULTILINE)
    assert set(rows) == expected


def test_every_table_and_event_is_in_the_architecture() -> None:
    text = _read(DOCS / "architecture.md")
    ours = {
        "kernel",
        "accounts",
        "audit",
        "notifications",
        "reports",
        "patients",
        "appointments",
        "billing",
        "documents",
    }
    rows = {row.split("`")[1]: row for row in text.splitlines() if re.match(r"\| `\w+` \(", row)}
    for model in apps.get_models():
        if model._meta.app_label in ours:
            assert f"`{model._meta.db_table}`" in rows[alias_for(model)], model._meta.label
    for name, keys in CATALOGUE.items():
        assert f"| `{name}` |" in text, name
        assert all(f"`{key}`" in text for key in keys), name


def test_every_queue_is_in_the_guide() -> None:
    text = _read(DOCS / "guide-operations.md")
    assert [name for name in QUEUES if f"`{name}`" not in text] == []
