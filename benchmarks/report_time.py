"""How long `repro report` takes for one record, the whole command, warm: `python benchmarks/report_time.py RECORD [TIMES]`."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main(record: str, times: int = 15) -> None:
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        command = [str(Path(sys.executable).with_name("repro")), "report", record, "--out", str(page)]
        subprocess.run(command, check=True, capture_output=True)  # the one that reads the disk
        took = []
        for _ in range(times):
            before = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            took.append(time.perf_counter() - before)
        ordered = sorted(took)
        print(f"median {statistics.median(took):.3f} s, from {ordered[0]:.3f} to {ordered[-1]:.3f} s, {times} times")
        print(f"{page.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:3]))
