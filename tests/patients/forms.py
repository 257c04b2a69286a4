"""The forms of a page, as a browser would send them."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class PageForm:
    action: str
    method: str
    values: dict[str, str] = field(default_factory=dict)
    #: name → value of each button that sends the form
    buttons: dict[str, str] = field(default_factory=dict)
    #: False for one that Django draws round a page that only shows
    can_be_sent: bool = False


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[PageForm] = []
        self._form: PageForm | None = None
        self._text: str | None = None
        self._select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = PageForm(found.get("action", ""), found.get("method", "get").lower())
            self.forms.append(self._form)
        if self._form is None:
            return
        name = found.get("name", "")
        if tag == "select":
            self._select = name
        elif tag == "option" and self._select is not None:
            chosen = "selected" in found
            if chosen or self._select not in self._form.values:
                self._form.values[self._select] = found.get("value", "")
        elif tag == "textarea" and name:
            self._text = name
            self._form.values[name] = ""
        elif tag in ("input", "button"):
            kind = found.get("type", "submit" if tag == "button" else "text")
            if kind in ("submit", "image"):
                self._form.can_be_sent = True
                if name:
                    self._form.buttons[name] = found.get("value", "")
            elif not name:
                return
            elif kind not in ("checkbox", "radio", "button") or "checked" in found:
                self._form.values[name] = found.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            if self._form is not None and self._text is not None:
                # The first line end after the tag is no part of the text (HTML, 13.2.6.4.7).
                self._form.values[self._text] = self._form.values[self._text].removeprefix("\n")
            self._text = None

    def handle_data(self, data: str) -> None:
        if self._text is not None and self._form is not None:
            self._form.values[self._text] += data


def forms_of(html: str) -> list[PageForm]:
    reader = _Reader()
    reader.feed(html)
    return reader.forms


def main_of(html: str) -> str:
    """What stands between the head and the foot of a staff page."""
    return html.split('<div id="content"', 1)[1].split("<!-- END Content -->", 1)[0]
