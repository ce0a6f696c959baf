"""A reader of pages who notes every complaint of the browser and every address that it asks for. Knows no page."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request

WIDTHS = (360, 768, 1440)
SCHEMES = ("light", "dark")
PATIENCE_S = 60
# The browser asks for a page's own icon when it likes, at times after it has gone on to the next page.
ICON = re.compile(r"^(file:///|http://127\.0\.0\.1:\d+/)(.*/)?assets/icon\.\w+\.svg$")

# What sticks out of the window sideways. What may scroll by itself, or ends in an ellipsis, is entered no
# further; what is clipped away is not seen.
STICKING_OUT = """() => {
  const wide = document.documentElement.clientWidth, found = [];
  const name = (node) => `<${node.tagName.toLowerCase()} class="${node.getAttribute("class") || ""}"> ` +
    `${JSON.stringify((node.textContent || "").trim().slice(0, 40))}`;
  if (document.documentElement.scrollWidth > wide) found.push(`the page is ${document.documentElement.scrollWidth} of ${wide} px wide`);
  const walk = (node) => {
    const style = getComputedStyle(node), box = node.getBoundingClientRect();
    if (style.display === "none" || style.clipPath !== "none" || node.matches(".skip")) return;
    if (box.width && (box.right > wide + 1 || box.left < -1)) {
      found.push(`${name(node)} from ${Math.round(box.left)} to ${Math.round(box.right)} of ${wide} px`);
      return;
    }
    if (node.matches(".scroll, .draw, pre") && ["auto", "scroll"].includes(style.overflowX)) return;
    if (style.overflowX === "hidden" && style.textOverflow === "ellipsis") return;
    for (const child of node.children) walk(child);
  };
  walk(document.body);
  return found;
}"""

OPEN_ALL = "() => { for (const one of document.querySelectorAll('details')) one.open = true; }"


@dataclass
class Visitor:
    """One page of a browser, used again and again."""

    page: Page
    troubles: list[str] = field(default_factory=list)  # since the last visit
    asked: list[str] = field(default_factory=list)  # addresses, since the last visit

    def visit(self, address: str, scheme: str | None = None, width: int | None = None) -> Page:
        """Go there. Everything that was noted before is forgotten."""
        if scheme is not None:
            self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        if width is not None:
            self.resize(width)
        self.troubles.clear()
        self.asked.clear()
        if "#" in address:
            self.page.goto("about:blank")  # a new hash alone would not load the page again
        self.page.goto(address)
        return self.page

    def resize(self, width: int, height: int = 900) -> None:
        """Of the window."""
        self.page.set_viewport_size({"width": width, "height": height})

    def sticking_out(self) -> list[str]:
        """Elements that a reader would have to scroll sideways for."""
        return self.page.evaluate(STICKING_OUT)

    def strangers(self, home: str) -> list[str]:
        """Addresses elsewhere than below `home` that were asked for."""
        return [one for one in self.asked if not one.startswith((home, "about:"))]


def until(page: Page, expression: str, arg: Any = None) -> None:
    """Wait until it is true. Asked from outside: playwright's own waiting is `eval` in the page, which its policy forbids."""
    end = monotonic() + PATIENCE_S
    while not page.evaluate(expression, arg):
        assert monotonic() < end, f"still not so after {PATIENCE_S} s: {expression} of {arg!r}"
        page.wait_for_timeout(10)


def visitor(browser: Browser, **context: Any) -> Visitor:
    """With a page of its own; keywords as playwright's `new_context` has them."""
    found = Visitor(browser.new_context(**context).new_page())
    page = found.page
    page.set_default_timeout(PATIENCE_S * 1000)

    def said(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            found.troubles.append(f"console: {message.text} ({message.location['url']})")

    def asked(dialog: Dialog) -> None:
        found.troubles.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def failed(request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # which is what going on to the next page does
            found.troubles.append(f"not loaded: {request.url} ({request.failure})")

    page.on("console", said)
    page.on("dialog", asked)
    page.on("pageerror", lambda error: found.troubles.append(f"error: {error}"))
    page.on("requestfailed", failed)
    page.on("request", lambda request: None if ICON.search(request.url) else found.asked.append(request.url))
    return found
