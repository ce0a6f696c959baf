"""The pictures in docs/screenshots: `python -m tests.browser.make_screenshots`. Of the demonstration registry, on the day of its making."""

from __future__ import annotations

import shutil
import tempfile
from datetime import date
from pathlib import Path

from playwright.sync_api import sync_playwright

from harness.progress import SILENT
from harness.site.build import Wish, build

ROOT = Path(__file__).parents[2]
BEST, MEASURED = "rows/430717943b6cbc6c/index.html", "rows/a78e2267360676ee/index.html"
# name, page, width, height, scheme
SHOTS = (
    ("index-1440-light", "index.html", 1440, 1500, "light"),
    ("index-360-light", "index.html", 360, 1500, "light"),
    ("row-1440-light", BEST, 1440, 2600, "light"),
    ("row-1440-dark", BEST, 1440, 2600, "dark"),
    ("row-360-dark", MEASURED, 360, 2200, "dark"),
    ("methodology-768-light", "methodology/index.html", 768, 1900, "light"),
)


def main() -> None:
    out = ROOT / "docs" / "screenshots"
    out.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        site = Path(folder) / "site"
        build(Wish(str(ROOT / "results" / "demo-registry"), site, date(2026, 11, 24)), SILENT)
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, page, width, height, scheme in SHOTS:
            view = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme).new_page()
            view.goto((site / page).as_uri())
            view.screenshot(path=out / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
