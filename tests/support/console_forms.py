"""The forms of a page as a browser has them: fields in their order, with the challenges that stand between."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Form:
    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    parts: list[dict[str, str]] = field(default_factory=list)  # data- of what a passkey signs, or makes
    buttons: list[tuple[str, str, str]] = field(default_factory=list)  # name, value, text
    choices: dict[str, list[str]] = field(default_factory=dict)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open: Form | None = None
        self._button: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = Form(told.get("action", ""), told.get("method", "get"))
            self.forms.append(self._open)
        if self._open is None:
            return
        if "data-challenge" in told:
            self._open.parts.append({name[5:]: value for name, value in told.items() if name.startswith("data-")})
        if tag == "input" and told.get("type") == "checkbox":
            self._open.choices.setdefault(told["name"], []).append(told.get("value", ""))
        elif tag in ("input", "textarea", "select") and "name" in told:
            self._open.fields.append((told["name"], told.get("value", "")))
        elif tag == "button":
            self._open.buttons.append((told.get("name", ""), told.get("value", ""), ""))
            self._button = []

    def handle_data(self, data: str) -> None:
        if self._button is not None:
            self._button.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        if tag == "button" and self._open is not None and self._button is not None:
            name, value, _ = self._open.buttons[-1]
            self._open.buttons[-1] = (name, value, " ".join("".join(self._button).split()))
            self._button = None


def forms(html: str) -> list[Form]:
    """All of a page, in order."""
    reader = _Reader()
    reader.feed(html)
    return reader.forms


def form_to(html: str, action: str) -> Form:
    """The first that goes there."""
    return next(one for one in forms(html) if one.action == action)
