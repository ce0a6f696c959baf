"""The newest public decisions as an Atom feed (RFC 4287). Nothing that the changelog does not show.

What XML forbids, and what turns or hides a line in a reader that isolates nothing, is written out as on a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from harness.errors import one_line, visible
from harness.registry.facts import RegistryFact
from harness.registry.queries import Reader
from harness.site.data.values import File, Site
from harness.site.pages.decisions import Act

LONGEST = 2000  # characters of a title


def files(reader: Reader, site: Site, newest: Sequence[Act]) -> Iterator[File]:
    """`feed.xml`, from the newest decisions in the log's order."""
    created = reader.need(RegistryFact).created[:10]
    acts = newest[::-1]
    feed = Element("feed", {"xmlns": "http://www.w3.org/2005/Atom", "xml:lang": "en-GB"})
    SubElement(feed, "id").text = _tag(site, created, "decisions")
    SubElement(feed, "title").text = f"Decisions at {site.origin}"
    if site.demonstration:
        SubElement(feed, "subtitle").text = "A demonstration: operators, devices and numbers are made up."
    SubElement(feed, "updated").text = acts[0].at
    SubElement(SubElement(feed, "author"), "name").text = site.origin
    SubElement(feed, "link", {"rel": "self", "type": "application/atom+xml", "href": f"{site.base_url}feed.xml"})
    SubElement(feed, "link", {"rel": "alternate", "type": "text/html", "href": f"{site.base_url}decisions/index.html"})
    for act in acts:
        _entry(feed, site, created, act)
    indent(feed, " ")
    yield "feed.xml", tostring(feed, encoding="utf-8", xml_declaration=True) + b"\n"


def _entry(feed: Element, site: Site, created: str, act: Act) -> None:
    entry = SubElement(feed, "entry")
    SubElement(entry, "id").text = _tag(site, created, f"log/{act.index}")
    SubElement(entry, "title").text = one_line(act.sentence, LONGEST)
    SubElement(entry, "updated").text = act.at
    SubElement(SubElement(entry, "author"), "name").text = one_line(act.by)
    SubElement(entry, "link", {"rel": "alternate", "type": "text/html", "href": f"{site.base_url}{act.address}"})
    SubElement(entry, "summary", {"type": "text"}).text = visible(act.reason or act.sentence)


def _tag(site: Site, created: str, what: str) -> str:
    """The same for ever (RFC 4151): the registry's name, the day of its founding, and what it is."""
    authority, _, path = site.origin.partition("/")
    return f"tag:{authority},{created}:{path}/{what}" if path else f"tag:{authority},{created}:{what}"
