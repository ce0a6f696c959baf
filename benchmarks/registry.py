"""What a registry of a given size costs: verify and store, score from cold, score one row again, explain, audit.

Scoring needs what the table `records` holds, so its large registries are filled there directly, without log and bodies;
submissions and the audit run on whole registries.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import date, datetime
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path

import machine
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import insert, text

from harness.catalog import policies
from harness.demo.records import Setup, person, sealed
from harness.progress import SILENT
from harness.record.envelope import key_id
from harness.registry.actions import acts
from harness.registry.actions.create import Charter, found, sign_checkpoint
from harness.registry.db import tables
from harness.registry.exchange.audit import audit
from harness.registry.facts import OperatorFact, RecordFact
from harness.registry.facts.stored import stored
from harness.registry.intake.ingest import Submission, checked
from harness.registry.queries.rows import score_row
from harness.registry.store import Registry
from harness.tiers.values import Status

OPERATORS = 2000
DAY = date(2026, 11, 24)
CORES = 2


def key(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(sha256(f"benchmark:{name}".encode()).digest())


def new_registry(folder: Path) -> Registry:
    loaded = policies.load()
    entry = {"key": key("ed").public_key().public_bytes_raw().hex(), "next_key_sha256": key_id(key("n").public_key())}
    editors = {"version": 1, "threshold": 1, "expires": "2099-12-31", "editors": {"ed": entry}}
    own = key("registry").public_key().public_bytes_raw().hex()
    charter = Charter(
        "benchmark.example/registry", own, editors, policies.DEFAULT, loaded.sha256, 1, demonstration=True
    )
    return found(str(folder), charter.event("ed"), [key("ed")])


def fill(registry: Registry, records: int) -> list[str]:
    """A row has ten records: one opens it, nine reproduce it on six hardware classes. Returns the rows' ids."""
    draw = np.random.default_rng(1)
    rows, ids = records // 10, []
    names = list(tables.records.c.keys())

    def make() -> Iterator[dict[str, object]]:
        for r in range(rows):
            row = sha256(f"row {r}".encode()).hexdigest()
            ids.append(row)
            for k in range(10):
                rate = 100 * np.exp(draw.normal(0, 0.03) + (0.3 if k == 9 and r % 7 == 0 else 0))
                medians = rate * np.exp(draw.normal(0, 0.005, 5))
                logs = np.log(medians)
                operator = (r * 7 + k * 131) % OPERATORS
                values = (
                    row, row if k == 0 else sha256(f"{r} {k}".encode()).hexdigest(), r * 10 + k,
                    "pending" if k == 8 else "accepted", f"op{operator}", f"{operator:064x}", f"{r % 1000:064x}", "Q4_K_M",
                    "llama.cpp", f"suite/{r // 1000}", f"GPU {k % 3} of {r % 50}", f"generation {k % 3}",
                    "Linux" if k % 2 else "Windows", f"llama.cpp 0.{20 + r % 3}", 5, float(logs.mean()),
                    float(logs.var(ddof=1)), ",".join(str(round(m * 1e6)) for m in medians), "2026-10-01", 1, "", "", 0,
                    "{}", "a model", f"{r * 10 + k:064x}",
                )  # fmt: skip
                yield dict(zip(names, values, strict=True))

    with registry.engine.connect().execution_options(write=True) as connection, connection.begin():
        part: list[dict[str, object]] = []
        for one in make():
            part.append(one)
            if len(part) == 20_000:
                write(connection, part)
                part = []
        if part:
            write(connection, part)
        operator = stored(OperatorFact(0, False, "", f"{1:064x}", f"{2:064x}"))
        people = [
            {"kind": OperatorFact.KIND, "name": f"op{i}", "value": operator, "key": None} for i in range(OPERATORS)
        ]
        connection.execute(insert(tables.facts), people)
        connection.execute(insert(tables.rigs), [{"operator": f"op{i}", "rig": f"{i:064x}"} for i in range(OPERATORS)])
        series = [{"engine": "llama.cpp", "series": f"llama.cpp 0.{20 + i}"} for i in range(3)]
        connection.execute(insert(tables.series), series)
    return ids


def fact(one, gone: str) -> RecordFact:
    return RecordFact(
        Status(one["status"]), one["row"], one["operator"], one["rig"], gone, one["idx"], "2026-11-01T00:00:00Z",
        gone, gone, gone, False, "", (), one["idx"], (), "", False, False, False,
    )  # fmt: skip


def write(connection, part) -> None:
    connection.execute(insert(tables.records), part)
    gone = "0" * 64  # no bodies: every record reads as taken down
    facts = [
        {"kind": RecordFact.KIND, "name": one["id"], "value": stored(fact(one, gone)), "key": None} for one in part
    ]
    connection.execute(insert(tables.facts), facts)


def clear_caches() -> bool:
    """Let the kernel forget the file's pages, where that is allowed."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("3")
    except OSError:
        return False
    return True


def cold_score(target: Path) -> tuple[float, int]:
    """Wall seconds of `repro score` in a process of its own, and the peak of its and its children's memory together (KiB)."""
    program = (
        "import sys, resource; from datetime import date; from harness.registry.queries.scores import all_standings; "
        "from harness.registry.opening import open_database\n"
        "if __name__ == '__main__':\n"
        "    found = all_standings(open_database(sys.argv[1]), None, date(2026, 11, 24))[1]\n"
        "    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "    kids = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss\n"
        f"    print(len(found), own + {CORES} * kids)\n"
    )
    with tempfile.NamedTemporaryFile("w", suffix=".py") as script:
        script.write(program)
        script.flush()
        began = time.perf_counter()
        done = subprocess.run([sys.executable, script.name, str(target)], capture_output=True, text=True, check=True)
        return time.perf_counter() - began, int(done.stdout.split()[1])


def explain(target: Path, row: str) -> float:
    """The command, from its start to its end."""
    began = time.perf_counter()
    program = [
        sys.executable,
        "-c",
        "from harness.cli import main; main()",
        "explain",
        row[:16],
        "--registry",
        str(target),
    ]
    with tempfile.TemporaryDirectory() as home:
        subprocess.run(program, check=True, capture_output=True, env=os.environ | {"XDG_CONFIG_HOME": home})
    return time.perf_counter() - began


def make(i: int) -> tuple[bytes, bytes]:
    setup = Setup(seed=i, sku=f"GPU {i}", rate=100 + i % 7, started=datetime(2026, 11, 1))
    return sealed(person(f"op{i % OPERATORS}"), replace(setup, trials=3, processes=5))


def verified(part: list[tuple[bytes, bytes]]) -> list[Submission]:
    return [checked(data, samples, "submission") for data, samples in part]


def join_all(registry: Registry) -> dict[str, acts.Actor]:
    from harness.registry.db.transaction import Item

    actors, items = {}, []
    with registry.reading() as reader:
        for i in range(OPERATORS):
            who = person(f"op{i}")
            actors[who.handle] = acts.Actor(who.handle, (who.operator,))
            detail = {
                "operator_key": who.operator.public_key().public_bytes_raw().hex(),
                "next_key_sha256": key_id(who.following.public_key()),
            }
            made = acts.event(reader, actors[who.handle], "operator-joined", who.handle, detail=detail)
            items.append(Item(made.signed([who.operator]).to_bytes()))
    for taken in registry.append(items, acts.utc()):
        if isinstance(taken, Exception):
            raise taken
    return actors


def ingest(
    registry: Registry, actors: dict[str, acts.Actor], pool: ProcessPoolExecutor, first: int, count: int, batch: int
) -> float:
    """Submissions a second: checked in the pool, signed events appended a batch a transaction. Making them is not timed."""
    made = list(pool.map(make, range(first, first + count), chunksize=64))
    parts = [made[i : i + 32] for i in range(0, count, 32)]
    # Clients sign their events; here it is done beforehand, on the checked submissions.
    prepared = [one for part in pool.map(verified, parts) for one in part]
    with registry.reading() as reader:
        items = {
            one.id: acts.submission(reader, actors[one.measured.measurement.operator], one, acts.Wish())
            for one in prepared
        }
    began, waiting = time.perf_counter(), []
    for found_part in pool.map(verified, parts):
        waiting += [replace(items[one.id], submission=one) for one in found_part]
        if len(waiting) >= batch:
            flush(registry, waiting)
            waiting = []
    flush(registry, waiting)
    return count / (time.perf_counter() - began)


def flush(registry: Registry, items: list) -> None:
    for taken in registry.append(items, acts.utc()) if items else ():
        if isinstance(taken, Exception) and "row of the same model" not in str(taken):
            raise taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--audit", type=int, default=100_000, help="records of the registry that is audited; 0: none")
    parser.add_argument("--ingest", type=int, default=4000)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for records in options.records:
            registry = new_registry(Path(folder) / f"registry-{records}")
            ids = fill(registry, records)
            target = Path(folder) / f"registry-{records}"
            dropped = clear_caches()
            seconds, peak = cold_score(target)
            policy = policies.load().policy
            with registry.reading() as reader:
                reader.connection.execute(text("SELECT 1"))
                spans = []
                for row in ids[:: max(len(ids) // 50, 1)]:
                    began = time.perf_counter()
                    score_row(reader, row, policy, DAY)
                    spans.append(time.perf_counter() - began)
            one = float(np.median(spans)) * 1e3
            worst = max(spans) * 1e3
            told = float(np.median([explain(target, ids[i]) for i in (3, len(ids) // 2, len(ids) - 1, 5, 7)]))
            how = "cold" if dropped else "warm file cache"
            lines.append(
                f"| {records:,} | {seconds:.1f} s ({how}) | {peak / 2**20:.2f} GiB | {one:.1f} ms ({worst:.1f}) | {told:.2f} s |"
            )
            print(lines[-1], file=sys.stderr)
        table = [
            "| records | score all rows | peak memory | score a row again, median (worst) | `repro explain` |",
            "|---|---|---|---|---|",
            *lines,
        ]
        with ProcessPoolExecutor(CORES, mp_context=get_context("spawn")) as pool:
            registry = new_registry(Path(folder) / "whole")
            actors = join_all(registry)
            rate = ingest(registry, actors, pool, 0, options.ingest, 256)
            table += [
                "",
                f"Submissions checked and stored in SQLite, durable, 256 a transaction: **{rate:.0f} a second** "
                f"({options.ingest:,} of them).",
            ]
            print(table[-1], file=sys.stderr)
            if options.audit:
                done = options.ingest
                while done < options.audit:
                    step = min(8000, options.audit - done)
                    ingest(registry, actors, pool, done, step, 1024)
                    done += step
                    print(f"{done} stored", file=sys.stderr)
                sign_checkpoint(registry, key("registry"))
                began = time.perf_counter()
                seen = audit(registry, pool, SILENT)
                took = time.perf_counter() - began
                memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
                table += [
                    "",
                    f"`repro audit` of {seen.records:,} records, {seen.entries:,} entries: **{took:.0f} s**, "
                    f"{len(seen.faults)} faults, {memory:.2f} GiB in the parent.",
                ]
                print(table[-1], file=sys.stderr)
    page = "\n".join(
        [
            "# A registry's costs",
            "",
            f"Made by `python benchmarks/registry.py {' '.join(sys.argv[1:])}`.",
            machine.line() + ".",
            "",
            *table,
            "",
        ]
    )
    if options.out:
        options.out.write_text(page)
    print(page)


if __name__ == "__main__":
    main()
