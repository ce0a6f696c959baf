"""The editors' console in Chromium with its virtual authenticator: every act by keyboard, at each width, in both schemes, axe clean."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page

from harness.demo import console as demonstration
from harness.demo.serving import copied
from harness.progress import SILENT
from harness.record import editor_keys
from harness.record.passkey import parse_key
from harness.registry.actions.acts import act
from harness.registry.actions.editors import Change, changed
from harness.registry.facts import EditorsFact
from harness.registry.queries.review import queue
from harness.service.core import Settings
from tests.browser.conftest import DEMONSTRATION
from tests.browser.test_site_accessibility import FOCUSABLE, violations
from tests.browser.visitor import OPEN_ALL, SCHEMES, WIDTHS, Visitor, until, visitor
from tests.support.console_desk import console
from tests.support.registry_world import CARDS, World, world
from tests.support.served import served

OPTIONS = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True,
    "automaticPresenceSimulation": True,
}  # fmt: skip


class Sitting:
    """A person at the console: a browser with an authenticator of its own, that is used by keyboard alone."""

    def __init__(self, browser: Browser, made: World, origin: str, handle: str) -> None:
        self.made, self.origin, self.handle = made, origin, handle
        self.who: Visitor = visitor(browser)
        self.page: Page = self.who.page
        self.cdp: CDPSession = self.page.context.new_cdp_session(self.page)
        self.cdp.send("WebAuthn.enable")
        self.authenticator = self.cdp.send("WebAuthn.addVirtualAuthenticator", {"options": OPTIONS})["authenticatorId"]

    def close(self) -> None:
        self.page.context.close()

    def open(self, path: str) -> Page:
        return self.who.visit(f"{self.origin}{path}")

    def press(self, name: str) -> None:
        """The button of that name, by keyboard."""
        self.page.get_by_role("button", name=name).first.focus()
        with self.page.expect_navigation(wait_until="load"):
            self.page.keyboard.press("Enter")

    def type_in(self, label: str, text: str) -> None:
        self.page.get_by_label(label).first.focus()
        self.page.keyboard.insert_text(text)

    def enrol(self, kept: str = "") -> str:
        """Two passkeys, or one beside the next one whose line was kept; the public text."""
        self.open("/console/passkeys/new")
        self.type_in("Your handle", self.handle)
        if kept:
            self.page.get_by_text("change to your next passkey").click()
            self.type_in("The line of your next passkey", kept)
        self.press("Continue")
        self.press(f"Make {'one passkey' if kept else 'two passkeys'} for {self.handle}")
        return self.page.locator("pre code").first.inner_text()

    def sign_in(self) -> None:
        self.open("/console/sign-in")
        self.press("Sign in with a passkey")
        assert self.page.url == f"{self.origin}/console/"

    def decide(self, record: str, label: str, reason: str) -> None:
        self.open(f"/console/records/{record}")
        self.type_in("Reason in your own words", reason)
        self.press(label)
        assert self.page.inner_text("h1") == "What you will sign"
        assert reason in self.page.inner_text("main")
        self.press("Sign with the passkey")

    def held(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.cdp.send("WebAuthn.getCredentials", {"authenticatorId": self.authenticator})[
            "credentials"
        ]
        return found

    def forget(self, credential: str) -> None:
        told = {"authenticatorId": self.authenticator, "credentialId": credential}
        self.cdp.send("WebAuthn.removeCredential", told)


def by_key_file(made: World, text: str, reason: str = "joins us") -> None:
    """An editor with a key file adds the public text: what `repro registry editors --add` does."""
    document = changed(made.registry, Change(added=(editor_keys.parse(text, "text"),)))
    act(made.registry, made.editor(), "editors-changed", "editors", reason=reason, detail={"editors": document})


CARDS_LEFT = iter(CARDS[1:])


def waiting(made: World, name: str) -> str:
    """Of a row of its own: nothing else is on that device."""
    found = made.record(name, sku=next(CARDS_LEFT))
    made.submit(found)
    return found.id


@pytest.fixture(scope="module")
def scene(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, str]]:
    founded = world(str(tmp_path_factory.mktemp("console") / "registry"))
    with console("", "stand-in", founded=founded) as (made, [desk]):
        made.join("ada")
        yield made, desk.origin


@pytest.fixture(scope="module")
def pia(browser: Browser, scene: tuple[World, str]) -> Iterator[Sitting]:
    """An editor whose passkeys Chromium made, whom an editor with a key file added."""
    made, origin = scene
    found = Sitting(browser, made, origin, "pia")
    by_key_file(made, found.enrol())
    found.sign_in()
    yield found
    found.close()


@pytest.mark.parametrize(
    ("label", "status"), [("Approve", "accepted"), ("Reject", "rejected"), ("Request changes", "sent-back")]
)
def test_a_record_is_decided_by_keyboard_alone(pia, label, status):
    record = waiting(pia.made, "ada")
    pia.decide(record, label, "seen in a browser")
    assert pia.made.status(record) == status
    assert "In the log as entry" in pia.page.inner_text("main")
    assert not pia.who.troubles


def test_without_the_passkey_nothing_is_sent(pia):
    record = waiting(pia.made, "bea")
    pia.cdp.send("WebAuthn.setUserVerified", {"authenticatorId": pia.authenticator, "isUserVerified": False})
    try:
        pia.open(f"/console/records/{record}")
        pia.type_in("Reason in your own words", "whoever sits here")
        pia.press("Approve")
        pia.page.get_by_role("button", name="Sign with the passkey").focus()
        pia.page.keyboard.press("Enter")
        until(pia.page, "document.querySelector('[role=alert]').textContent.startsWith('Nothing was sent.')")
    finally:
        pia.cdp.send("WebAuthn.setUserVerified", {"authenticatorId": pia.authenticator, "isUserVerified": True})
    assert pia.made.status(record) == "pending"


def test_an_editor_adds_another_who_cosigns_and_rotates(pia, browser):
    rob = Sitting(browser, pia.made, pia.origin, "rob")
    text = rob.enrol()
    kept = rob.page.locator("pre code").nth(1).inner_text()
    pia.open("/console/editors")
    pia.type_in("The public text", text)
    pia.page.locator("#add-reason").focus()
    pia.page.keyboard.insert_text("helps us")
    pia.press("Add")
    pia.press("Sign with the passkey")
    assert "In the log as entry" in pia.page.inner_text("main")
    rob.sign_in()

    # Two must sign from now on: the first proposes, the second signs it, too.
    pia.open("/console/editors")
    pia.type_in("Editors who must sign", "2")
    pia.page.locator("#renew-reason").focus()
    pia.page.keyboard.insert_text("two see more")
    pia.press("Propose")
    pia.press("Sign with the passkey")
    assert "1 more must sign" in pia.page.inner_text("main")
    rob.open("/console/editors")
    rob.page.get_by_role("link", name="Change the list of editors").focus()
    with rob.page.expect_navigation(wait_until="load"):
        rob.page.keyboard.press("Enter")
    rob.press("Sign it, too")
    assert "In the log as entry" in rob.page.inner_text("main")
    with pia.made.registry.reading() as reader:
        assert reader.need(EditorsFact).threshold == 2

    # Rob's key goes to the next, by the line that he kept: he proposes with the old one, pia signs.
    first = parse_key(json.loads(text)["key"]).credential_id
    old = base64.b64encode(first).decode()
    new_text = rob.enrol(kept)
    rob.open("/console/editors")
    rob.type_in("The public text", new_text)
    rob.page.locator("#add-reason").focus()
    rob.page.keyboard.insert_text("a new telephone")
    rob.press("Add")
    rob.press("Sign with the passkey")
    where = rob.page.url
    assert "/console/proposals/" in where
    pia.open(where.removeprefix(pia.origin))
    pia.press("Sign it, too")
    assert "1 more must sign" in pia.page.inner_text("main")  # the new list asks for two of its own
    rob.forget(old)
    rob.open(where.removeprefix(rob.origin))
    rob.press("Sign it with your next passkey")
    assert "sign-in" in rob.page.url  # the old passkey is signed out
    rob.sign_in()
    rob.close()


PAGES = (
    "/console/",
    "/console/operators",
    "/console/operators/ada",
    "/console/requests",
    "/console/editors",
    "/console/policy",
)
PAGES += (
    "/console/reports",
    "/console/log",
    "/console/health",
    "/console/passkeys/new",
    "/console/passkeys/new?handle=sue",
    "RECORD",
    "SIGN",
)


def shown(person: Sitting, path: str) -> None:
    """On the page, whichever it is."""
    if path not in ("RECORD", "SIGN"):
        person.open(path)
        return
    record = waiting(person.made, "cyd")
    person.open(f"/console/records/{record}")
    if path == "SIGN":
        person.type_in("Reason in your own words", "seen")
        person.press("Approve")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_its_window_in_both_schemes_and_the_browser_has_nothing_to_say(pia, path):
    shown(pia, path)
    found = []
    pia.page.evaluate(OPEN_ALL)
    for scheme in SCHEMES:
        pia.page.emulate_media(color_scheme=scheme)
        for width in WIDTHS:
            pia.who.resize(width)
            found += [f"{width} px, {scheme}: {one}" for one in pia.who.sticking_out()]
    found += pia.who.troubles
    assert not found, "\n".join([path, *found])


@pytest.mark.parametrize("path", [one for one in PAGES if one != "SIGN"])
def test_axe_finds_no_violation(pia, path):
    shown(pia, path)
    found = violations(pia.who, pia.page.url)
    assert not found, "\n".join([path, *found])


def test_axe_finds_no_violation_where_nobody_is_signed_in(scene, browser):
    who = visitor(browser)
    for path in ("/console/sign-in", "/console/records/x"):
        found = violations(who, f"{scene[1]}{path}")
        assert not found, "\n".join(found)
    who.page.context.close()


@pytest.mark.parametrize("path", ["/console/", "RECORD", "/console/editors"])
def test_the_keyboard_reaches_everything_in_order_and_shows_where_it_is(pia, path):
    shown(pia, path)
    for width in (360, 1440):
        pia.who.resize(width)
        names = pia.page.evaluate(FOCUSABLE)
        for _ in range(len(names) + 2):
            pia.page.keyboard.press("Tab")
        reached = pia.page.evaluate("window.reached")
        order = list(dict.fromkeys(place for place, _, _ in reached if place >= 0))
        assert [names[one] for one in sorted(set(range(len(names))) - set(order))] == []
        assert [names[place] for place, outlined, _ in reached if place >= 0 and not outlined] == []


def test_a_demonstration_makes_its_visitor_an_editor_with_two_presses(browser, tmp_path):
    assert Settings().enrol is None
    with (
        copied(str(DEMONSTRATION), SILENT) as (registry, own),
        served(registry, own, limited=False, enrol=demonstration.enrol) as client,
    ):
        origin = demonstration.allow(registry, client.base_url.port)
        person = Sitting(browser, World(registry), origin, "visitor")
        person.enrol()
        person.press("Become an editor of this demonstration")
        person.press("Sign in with a passkey")
        with registry.reading() as reader:
            record = queue(reader)[0]
        person.decide(record, "Approve", "it shows how")
        assert World(registry).status(record) == "accepted"
        person.close()
    assert Path(DEMONSTRATION).is_dir()
