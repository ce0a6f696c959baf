"""How soon `repro serve` answers: `python benchmarks/serve_start.py [--times 5]`.

From the command to the first good answer of the API, to the first page that a browser gets of the site (the front page, or the
one that says that it is being built), and to the front page, with the demonstration registry: the first time (no cache, no
site), with the cache alone, and with the site of the time before. Prints lines of a table.
"""

from __future__ import annotations

import argparse
import compileall
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx2
import machine
import numpy as np

ROOT = Path(__file__).parents[1]
PATIENCE_S = 120
ASKED = (
    ("v1/registry", {200}),
    ("", {200, 503}),
    ("index.html", {200}),
)  # addresses, and the statuses of a good answer


def started(home: Path, site: Path) -> list[float]:
    """Seconds until each of the addresses answers."""
    command = [
        str(Path(sys.executable).with_name("repro")),
        "serve",
        "--registry",
        "results/demo-registry",
        "--port",
        "0",
    ]
    environment = os.environ | {"XDG_CACHE_HOME": str(home / "cache"), "XDG_CONFIG_HOME": str(home / "config")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # as whoever installed it has it
    began = time.monotonic()
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        [*command, "--site", str(site)], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=quiet, text=True
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[0]
        found = [_answered(f"{address}{path}", good) - began for path, good in ASKED]
        process.send_signal(signal.SIGINT)
    return found


def _answered(url: str, good: set[int]) -> float:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        answer = httpx2.get(url, headers={"accept": "text/html"})
        if answer.status_code in good:
            return time.monotonic()
        time.sleep(0.01)
    raise SystemExit(f"{url} did not answer")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    told = parser.parse_args()
    compileall.compile_dir(ROOT / "harness", quiet=1)  # as `make serve` does when it installs
    print(f"{machine.line()}; {machine.load()}.\n")
    print("| `make serve`, s: median (longest) | API | a page | the site |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        home, site = Path(folder), Path(folder) / "site"
        for what in ("the first time", "again, without a site", "again, with the site of the time before"):
            times = []
            for _ in range(told.times):
                if what == "the first time":
                    shutil.rmtree(home / "cache", ignore_errors=True)
                if not what.endswith("before"):
                    shutil.rmtree(site, ignore_errors=True)
                    shutil.rmtree(site.with_name(".site.twin"), ignore_errors=True)
                times.append(started(home, site))
            median, longest = np.median(times, axis=0), np.max(times, axis=0)
            cells = " | ".join(f"{a:.2f} ({b:.2f})" for a, b in zip(median, longest, strict=True))
            print(f"| {what} (median of {told.times}) | {cells} |")


if __name__ == "__main__":
    main()
