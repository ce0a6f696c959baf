"""How long a stranger's path takes: `python benchmarks/strangers_path.py [--suite quick]`.

The demonstration is served on this machine; a stranger makes keys, measures the real model and submits over HTTP; an editor
approves in Chromium with its virtual authenticator, in two clicks. The last clock runs from the second click until the
stranger's row and operator pages are served. Prints lines of a table; ends non-zero where a step fails. The engine and the
model are the user's own (`repro runtime install llama.cpp`); keys, records and site are made in a temporary folder.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx2
import machine
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
PATIENCE_S = 300
HANDLE = "stranger"
AUTHENTICATOR = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True,
    "automaticPresenceSimulation": True,
}  # fmt: skip


class Clock:
    """Seconds of each step, as lines of a table."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def __call__(self, step: str) -> None:
        """Print the line of the step that ends now, and begin the next."""
        now = time.monotonic()
        print(f"| {step} | {now - self.began:.1f} | {os.getloadavg()[0]:.1f} |", flush=True)
        self.began = time.monotonic()


def repro(home: Path, *arguments: str) -> str:
    """What the command prints, standard error first."""
    program = str(Path(sys.executable).with_name("repro"))
    done = subprocess.run(
        [program, *arguments], cwd=home, env=environment(home), text=True, capture_output=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"repro {' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
    return done.stderr + done.stdout


def environment(home: Path) -> dict[str, str]:
    """The user's, but for the keys."""
    return os.environ | {"XDG_CONFIG_HOME": str(home / "config")}


def press(page: Page, name: str) -> None:
    """A click on the button of that name, and the page that follows."""
    with page.expect_navigation(wait_until="load"):
        page.get_by_role("button", name=name).first.click()


def answered(address: str, clock: float) -> float:
    """Seconds since `clock` until a good answer."""
    while time.monotonic() - clock < PATIENCE_S:
        if httpx2.get(address, headers={"accept": "text/html"}).status_code == 200:
            return time.monotonic() - clock
        time.sleep(0.05)
    raise SystemExit(f"{address} did not answer")


def become_an_editor(page: Page, origin: str) -> None:
    """Four clicks, once: two passkeys, the demonstration's list of editors, signed in."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    page.goto(f"{origin}/console/passkeys/new")
    page.get_by_label("Your handle").fill("visitor")
    for button in ("Continue", "Make two passkeys for visitor", "Become an editor of this demonstration"):
        press(page, button)
    press(page, "Sign in with a passkey")


def walk(home: Path, suite: str, address: str, page: Page) -> None:
    """The stranger's commands, the editor's clicks, the pages."""
    origin = address.rstrip("/").replace("127.0.0.1", "localhost")
    become_an_editor(page, origin)
    clock = Clock()
    repro(home, "keys", "new", "--handle", HANDLE)
    clock("`repro keys new`")
    repro(home, "bench", "--suite", suite, "--results", "results")
    (record,) = (home / "results").glob("*/record.json")
    clock(f"`repro bench --suite {suite}`")
    told = repro(home, "submit", str(record.parent), "--registry", address)
    clock("`repro submit RECORD --registry URL`")
    identity = next(line for line in told.splitlines() if re.fullmatch("[0-9a-f]{64}", line))
    pages = re.findall(r"http://\S+", told)
    page.goto(f"{origin}/console/records/{identity}")
    page.get_by_label("Reason in your own words").fill("complete, and possible")
    clock("the record in the console")
    press(page, "Approve")
    clock("*Approve*, until the page that shows what will be signed")
    press(page, "Sign with the passkey")
    signed = clock.began = time.monotonic()
    for one in pages:
        print(f"| from there until {one.removeprefix(address)} is served | {answered(one, signed):.1f} | |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", default="quick")
    parser.add_argument("--chromium", default="chromium")
    told = parser.parse_args()
    print(f"{machine.line()}; {machine.load()}.\n")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        command = [
            "serve",
            "--registry",
            str(ROOT / "results/demo-registry"),
            "--site",
            str(home / "site"),
            "--port",
            "0",
        ]
        print("| step | s | load average |\n|---|---|---|")
        clock = Clock()
        with (
            subprocess.Popen(
                [str(Path(sys.executable).with_name("repro")), *command], cwd=ROOT, env=environment(home), stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, text=True,
            ) as serving,
            sync_playwright() as play,
        ):  # fmt: skip
            try:
                assert serving.stdout is not None
                address = serving.stdout.readline().split()[0]
                answered(f"{address}index.html", time.monotonic())
                clock("`make serve`, installed, until its site answers")
                with play.chromium.launch(
                    executable_path=shutil.which(told.chromium), args=["--no-sandbox"]
                ) as browser:
                    walk(home, told.suite, address, browser.new_page())
            finally:
                serving.send_signal(signal.SIGINT)


if __name__ == "__main__":
    main()
