"""A page as the tests look at it: its headings, links, text, and what the content security policy would refuse."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

_UNSEEN = ("script", "style", "title")


class Page(HTMLParser):
    def __init__(self, response: Any) -> None:
        super().__init__()
        self.language = ""
        self.title = ""
        self.headings: list[int] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.forms: list[dict[str, str]] = []
        #: What a strict policy refuses: inline style and script in all their forms.
        self.refused: list[str] = []
        self.landmarks: list[str] = []
        self._words: list[str] = []
        self._open: list[str] = []
        self.feed(response.content.decode())

    @property
    def text(self) -> str:
        return " ".join(" ".join(self._words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self._check_policy(tag, values)
        if tag == "html":
            self.language = values.get("lang", "")
        if tag in ("main", "header", "footer", "nav"):
            self.landmarks.append(tag)
        if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self.headings.append(int(tag[1]))
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if "id" in values:
            self.ids.append(values["id"])
        if tag == "form":
            self.forms.append({"action": values.get("action", ""), "method": values.get("method", "get").lower()})
        if tag in ("input", "button") and "name" in values and self.forms:
            self.forms[-1][values["name"]] = values.get("value", "")
        if tag in _UNSEEN:
            self._open.append(tag)

    def _check_policy(self, tag: str, values: dict[str, str]) -> None:
        if tag == "style" or "style" in values:
            self.refused.append(f"inline style on <{tag}>")
        # A block of data is no script, and the policy leaves it alone.
        if tag == "script" and "src" not in values and values.get("type") != "application/json":
            self.refused.append("inline <script>")
        for name, value in values.items():
            if name.startswith("on"):
                self.refused.append(f"{name}= on <{tag}>")
            if name in ("href", "src", "action", "formaction") and value.strip().lower().startswith("javascript:"):
                self.refused.append(f"javascript: in {name} of <{tag}>")
            if name == "src" and tag in ("script", "img", "link") and value.startswith(("http:", "https:", "//")):
                self.refused.append(f"{value} from elsewhere")
        if tag == "link" and values.get("href", "").startswith(("http:", "https:", "//")):
            self.refused.append(f"{values['href']} from elsewhere")

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1] == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if not self._open:
            self._words.append(data)
        elif self._open[-1] == "title":
            self.title += data

    def form(self, action: str) -> dict[str, str]:
        """The names and values of the first form that goes there."""
        return next(found for found in self.forms if found["action"] == action)


def faults(page: Page) -> list[str]:
    """What is wrong with a page's frame: one first heading, no level skipped, a title, a language, ids used once."""
    found = list(page.refused)
    if page.headings.count(1) != 1:
        found.append(f"{page.headings.count(1)} first headings")
    found += [
        f"h{after} after h{before}"
        for before, after in zip(page.headings, page.headings[1:], strict=False)
        if after > before + 1
    ]
    if page.headings[:1] != [1]:
        found.append("the first heading is not h1")
    if not page.title.replace("· MediSecure", "").strip():
        found.append("no title")
    if page.language not in ("fr", "en"):
        found.append(f"language {page.language!r}")
    if page.landmarks.count("main") != 1:
        found.append(f"{page.landmarks.count('main')} main areas")
    found += [f"id {name} twice" for name in sorted({name for name in page.ids if page.ids.count(name) > 1})]
    return found
