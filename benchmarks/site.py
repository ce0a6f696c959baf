"""What a site of a given size costs: cold, one changed row, one new row, nothing changed; and what a page weighs.

The registry is a whole one: signed records with samples, reproductions, approvals. Making it is not timed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import machine
import numpy as np
import registry as registries
from site_registry import EACH, change, chosen, fill

from harness.progress import SILENT
from harness.site.build import Wish
from harness.site.build import build as in_process


def build(target: Path, out: Path) -> tuple[float, float, dict[str, int]]:
    """Wall seconds of the command, the peak of its and its workers' memory (GiB), and what it said."""
    program = (
        "import resource, sys; from harness.cli import main\n"
        "if __name__ == '__main__':\n"
        "    try: main()\n"
        "    finally:\n"
        "        own, kids = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))\n"
        f"        print(own + {registries.CORES} * kids, file=sys.stderr)\n"
    )
    with tempfile.TemporaryDirectory() as home:
        script = Path(home) / "build.py"
        script.write_text(program)
        wanted = ["site", "build", "--registry", str(target), "--out", str(out), "--as-of", "2026-11-24", "--json"]
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, script, *wanted],
            capture_output=True,
            text=True,
            env=os.environ | {"XDG_CONFIG_HOME": home},
        )
        if done.returncode:
            raise SystemExit(done.stderr)
        return time.perf_counter() - began, int(done.stderr.split()[-1]) / 2**20, json.loads(done.stdout)


def again(target: Path, out: Path) -> float:
    """Seconds of a build in this process, as `repro site serve` makes one."""
    began = time.perf_counter()
    in_process(Wish(str(target), out, date(2026, 11, 24)), SILENT)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        target, out = Path(folder) / "registry", Path(folder) / "site"
        registry = registries.new_registry(target)
        add = fill(registry, options.rows)
        registries.clear_caches()
        cold, memory, said = build(target, out)
        print(f"cold {cold:.1f} s, {memory:.2f} GiB, {said}", file=sys.stderr)
        weights = sorted(sum(f.stat().st_size for f in path.iterdir()) for path in (out / "rows").iterdir())
        pages = sorted(path.stat().st_size for path in out.glob("rows/*/index.html"))
        shared = sum(path.stat().st_size for path in [*out.glob("assets/site.*"), *out.glob("assets/icon.*")])
        nothing = build(target, out)[0]
        spans = []
        for i in range(5):
            change(registry, chosen(registry, out, (i + 1) / 7))
            seconds, _, said_now = build(target, out)
            spans.append(seconds)
            print(f"one changed row {seconds:.2f} s, {said_now}", file=sys.stderr)
        within, arrived = [], []
        for i in range(6):
            change(registry, chosen(registry, out, (2 * i + 1) / 17))
            within.append(again(target, out))
        for i in range(3):
            add(options.rows + i)
            arrived.append(again(target, out))
        del within[0]  # it compiles the templates, too
        print("within", within, "arrived", arrived, file=sys.stderr)
        whole = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
        lines = [
            "# A site's costs",
            "",
            f"Made by `python benchmarks/site.py {' '.join(sys.argv[1:])}`.",
            machine.line() + ".",
            "",
            f"A registry of {said['rows']:,} rows, {EACH} records each, {said['files']:,} files, {whole / 2**20:,.0f} MiB.",
            "",
            "| | |",
            "|---|---|",
            f"| built from nothing | **{cold:.1f} s**, {memory:.2f} GiB |",
            f"| one record withdrawn, the whole command (median of {len(spans)}) | **{np.median(spans):.2f} s** |",
            f"| the same within `repro site serve`, the build alone (median of {len(within)}, "
            f"{min(within):.2f} to {max(within):.2f}) | **{np.median(within):.2f} s** |",
            f"| a new row there, which is in every page of three lists of {said['rows']:,} (median of {len(arrived)}) "
            f"| {np.median(arrived):.2f} s |",
            f"| nothing changed, the whole command | {nothing:.2f} s |",
            f"| a benchmark page, the longest | {pages[-1] / 1000:.0f} kB, with style, script and icon "
            f"{(pages[-1] + shared) / 1000:.0f} kB |",
            f"| everything in a row's folder, the most | {weights[-1] / 1000:.0f} kB |",
            "",
        ]
        page = "\n".join(lines)
        if options.out:
            options.out.write_text(page)
        print(page)


if __name__ == "__main__":
    main()
