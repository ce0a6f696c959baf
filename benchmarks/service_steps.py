"""What each step of a submission costs a service, in processor time: `python benchmarks/service_steps.py [--count 96]`.

The steps of `POST /v1/events`, called one after another without HTTP: the event's signature, whether it is there already, the
record, and the log with its checkpoint and receipts, sixteen in a transaction. On SQLite. Processor time of this process, and of
the decoder of samples beside it; another process on the machine changes it less than seconds. Prints one row of a table.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
sys.path[0] = str(Path(__file__).parent)
sys.path.insert(1, str(ROOT))  # this checkout, whatever is installed

import machine  # noqa: E402
import service  # noqa: E402

from harness.registry.actions import incoming  # noqa: E402
from harness.registry.actions.incoming import Parcel  # noqa: E402
from tests.support.registry_world import key, world  # noqa: E402

TOGETHER = 16  # in one transaction


def spent(work: Callable[[], object]) -> float:
    """Seconds of processors, of this process and those that it has started."""

    def clock() -> float:
        own = psutil.Process()
        below = [one.cpu_times() for one in own.children(recursive=True)]
        return time.process_time() + sum(one.user + one.system for one in below)

    began = clock()
    work()
    return clock() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=96)
    count = parser.parse_args().count
    print(f"{machine.line()}; {machine.load()}.", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        made = world(str(Path(folder) / "registry"))
        work = [Parcel(one["event"], one["record"], one["samples"]) for one in service.made(made, count)]
        registry, own = made.registry.with_kept_connections(), key("registry")
        opened = [incoming.opened(registry, one) for one in work]
        brought = [incoming.brought(one, demonstration=False) for one in opened]
        steps: dict[str, Callable[[], object]] = {
            "signature": lambda: [incoming.opened(registry, one) for one in work],
            "there already": lambda: [incoming.again(registry, own, one, demonstration=False) for one in opened],
            "record": lambda: [incoming.brought(one, demonstration=False) for one in opened],
            "log": lambda: [
                incoming.take(registry, own, brought[first : first + TOGETHER]) for first in range(0, count, TOGETHER)
            ],
        }
        each = {name: spent(step) / count * 1000 for name, step in steps.items()}
        registry.close()
    print(f"| {' | '.join(each)} | in all |")
    print("| " + " | ".join(f"{one:.1f} ms" for one in [*each.values(), sum(each.values())]) + " |")


if __name__ == "__main__":
    main()
