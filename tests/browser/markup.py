"""What an HTML file says, read with the standard library's parser: a second reading beside the browser's."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

LICENCE = "https://creativecommons.org/licenses/by/4.0/"


@dataclass
class Markup(HTMLParser):
    """Of one page: tags with their attributes, and the text of some."""

    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)  # of title, script and style

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._in = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self._in = tag

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in in ("title", "script", "style"):
            self.texts[self._in] = self.texts.get(self._in, "") + data

    def of(self, tag: str) -> list[dict[str, str]]:
        """The attributes of each such tag."""
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.tags if "id" in attributes]

    @property
    def addresses(self) -> list[str]:
        return [attributes[name] for _, attributes in self.tags for name in ("href", "src") if name in attributes]


def read(path: Path) -> Markup:
    """The file."""
    found = Markup()
    found.feed(path.read_text("utf-8"))
    found.close()
    return found


def pages(site: Path) -> dict[str, Markup]:
    """Every HTML file of a site, by its path from the root."""
    return {path.relative_to(site).as_posix(): read(path) for path in sorted(site.rglob("*.html"))}


def base_of(read_pages: dict[str, Markup]) -> str:
    """Where the site says that it will stand."""
    canonical = next(one["href"] for one in read_pages["index.html"].of("link") if one.get("rel") == "canonical")
    return canonical.removesuffix("index.html")


def dead(site: Path, read_pages: dict[str, Markup], base: str) -> list[str]:
    """Links that lead nowhere, or elsewhere than to this site and the licence."""
    ids = {path: set(found.ids) for path, found in read_pages.items()}
    wrong = []
    for path, found in read_pages.items():
        for address in dict.fromkeys(found.addresses):
            if address != LICENCE and not _stands(site, path, address, base, ids):
                wrong.append(f"{path}: {address}")
    return wrong


def _stands(site: Path, path: str, address: str, base: str, ids: dict[str, set[str]]) -> bool:
    here = (site / path).parent
    if address.startswith(base):
        here, address = site, address.removeprefix(base)
    where, fragment = urldefrag(address)
    parts = urlsplit(where)
    if parts.scheme or parts.netloc or where.startswith("/") or parts.query:
        return False
    target = (here / unquote(where)).resolve() if where else (site / path if here != site else site)
    if target.is_dir():
        target = target / "index.html"
    root = site.resolve()
    if not target.is_relative_to(root) or not target.is_file():
        return False
    return not fragment or fragment in ids.get(target.relative_to(root).as_posix(), set())
