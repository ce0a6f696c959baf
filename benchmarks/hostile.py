"""A registry flooded with hostile records: what `repro audit` and `repro review` need, and whether honest ones are still shown.

    python benchmarks/hostile.py --records 10000 --out docs/measurements/hostile.md

The records go in as somebody with write access to the store puts them: signed by their own keys where that costs nothing, and
checked by nobody. Few bodies are made; each record is one of them with another seed, signed anew.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # the tests are no package of the distribution

from harness.demo import records  # noqa: E402
from harness.demo.records import Person, Setup  # noqa: E402
from harness.record import envelope, schema  # noqa: E402
from harness.record.statement import payload_of  # noqa: E402
from harness.record.store import SAMPLES_FILE, Stored  # noqa: E402
from harness.registry.actions import acts  # noqa: E402
from harness.registry.intake.ingest import Claims, Submission  # noqa: E402
from harness.registry.intake.projection import measured_of  # noqa: E402
from tests.support import parquet_bombs, registry_world  # noqa: E402

SEED = 1_000_000_000
ESCAPES = "\x1b[8m\x1b]52;c;aGk=\x07\u202e<script>=1+1|\x1b[2J"
HONEST = Setup(synthetic=False, sku=registry_world.CARDS[0], seed=SEED)
LIMIT_MIB = 500
HANDLES = 40


def equal_stamps() -> bytes:
    """300 million of them in 3 KB; the footer tells of ten."""
    column = pa.array([[1] * 2_000_000], pa.list_(pa.int64()))
    return parquet_bombs.with_pages_repeated(parquet_bombs.written(1, {"token_ns": column}), 8, 150, 10)


def long_text() -> bytes:
    """A text of a megabyte in a dictionary, named by 1,000 rows."""
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 1000, pa.int32()), ["x" * (1 << 20)])
    return parquet_bombs.written(1000, {"workload": text.cast(pa.string())})


def most_values() -> bytes:
    """Just below the limit of values, as few trials as possible."""
    return parquet_bombs.written(
        20, {"token_ns": pa.array([np.arange(1, 149_000)] * 20, pa.list_(pa.int64())), "workload": records.WORKLOAD}
    )


def most_trials() -> bytes:
    """As many rows as samples may have."""
    return parquet_bombs.written(20_000, {"workload": records.WORKLOAD})


@cache
def honest_samples(shift_ns: int = 0) -> bytes:
    """Of the honest record; shifted by so much, nearly equal."""
    trials = [replace(trial, token_ns=trial.token_ns + shift_ns) for trial in records.trials_of(HONEST)]
    return records.encode(records.columns_of(trials))


# What the samples are, and what of the record is changed.
KINDS: dict[str, tuple[Callable[[], bytes], dict[str, object]]] = {
    "equal stamps, a lying footer": (equal_stamps, {}),
    "a long text in a dictionary": (long_text, {}),
    "histograms that abort the decoder": (parquet_bombs.aborting, {}),
    "no Parquet": (lambda: b"PAR1" * 4, {}),
    "the most values": (most_values, {}),
    "the most trials": (most_trials, {}),
    "nearly equal samples": (lambda: honest_samples(1), {}),
    "equal samples": (honest_samples, {}),
    "escapes in every text": (honest_samples, {"model": ESCAPES, "version": ESCAPES, "generation": ESCAPES, "driver": ESCAPES}),
    "a long text in the record": (honest_samples, {"driver": "x" * 500_000}),
    "other work": (honest_samples, {"tokens": 17}),
    "signed by nobody's keys": (honest_samples, {"key": "another"}),
    "no record at all": (honest_samples, {"payload": b"[" * 50_000}),
    "a table that holds garbage": (honest_samples, {}),
}  # fmt: skip


@dataclass(frozen=True)
class Body:
    """One of the few that are made: its payload, but for seed and people, and its samples."""

    kind: str
    payload: bytes
    samples: bytes
    measured: object
    signer: str


def body(kind: str, who: Person) -> Body:
    make, changes = KINDS[kind]
    samples = make()
    changes = dict(changes)
    key, payload = str(changes.pop("key", "")), changes.pop("payload", None)
    setup = replace(HONEST, **changes)
    trials = records.trials_of(setup)
    record = records._record(who, setup, trials, sha256(samples).hexdigest(), None, None)
    if kind.startswith("the most"):
        record = record.model_copy(update={"samples": schema.Samples(file=SAMPLES_FILE, sha256=sha256(samples).hexdigest(),
                                   rows=20 if kind == "the most values" else 20_000)})  # fmt: skip
    plain = records._record(who, HONEST, records.trials_of(HONEST), sha256(samples).hexdigest(), None, None)
    told = measured_of(Stored(Path("x"), "0" * 64, plain, b""))  # what the table is told
    subjects = [(SAMPLES_FILE, record.samples.sha256)]
    return Body(kind, payload if isinstance(payload, bytes) else payload_of(record, subjects), samples, told, key)


def submission(one: Body, first: Person, who: Person, number: int) -> Submission:
    """The body with another seed and by another person than its first, on a row of its own where the number is even."""
    payload = one.payload.replace(str(SEED).encode(), str(SEED + number).encode())
    for theirs, own in zip(signers(first), signers(who), strict=True):
        payload = payload.replace(theirs.encode(), own.encode())
    if payload == one.payload:
        payload += str(number).encode()
    identity = sha256(payload).hexdigest()
    stranger = records.person(one.signer) if one.signer else who
    data = envelope.sign(payload, [stranger.operator, stranger.rig]).to_bytes()
    told = one.measured.measurement  # type: ignore[attr-defined]
    hardware = told.hardware if number % 2 else replace(told.hardware, sku=f"GPU {number}")
    rig = who.rig.public_key().public_bytes_raw().hex()
    own = replace(told, id=identity, operator=who.handle, rig=rig, hardware=hardware)
    digest = sha256(one.samples).hexdigest()
    measured = replace(one.measured, measurement=own, samples_sha256=digest)  # type: ignore[type-var]
    key = who.operator.public_key().public_bytes_raw().hex()
    times = (HONEST.started.strftime("%Y-%m-%dT%H:%M:%SZ"), "2026-11-01T12:05:00Z")
    return Submission(
        identity, Claims(who.handle, key, rig, *times, "", False, digest), measured, data, one.samples, ""
    )


def build(folder: Path, records: int, honest: int) -> tuple[registry_world.World, list[str], str]:
    """The registry, the ids of honest records that wait, and the row that all attack."""
    world = registry_world.world(str(folder))
    row = world.accepted("honest-first", seed=SEED)
    waiting = []
    people = [world.join(f"m{number:02d}attacker") for number in range(HANDLES)]
    first = people[0]
    bodies = {kind: body(kind, first) for kind in KINDS}
    garbage: list[str] = []
    items = []
    each = max(records // honest, 1)
    for number in range(records):
        who, kind = people[number % HANDLES], list(KINDS)[number % len(KINDS)]
        found = submission(bodies[kind], first, who, number + 1)
        garbage += [found.id] if kind == "a table that holds garbage" else []
        with world.registry.reading() as reader:
            wish = acts.Wish(row=row if (number + 1) % 2 else "")
            items.append(acts.submission(reader, acts.Actor(who.handle, (who.operator,)), found, wish))
        if len(items) == 256 or number == records - 1:
            refused = [one for one in world.registry.append(items, acts.utc()) if isinstance(one, Exception)]
            if refused:
                raise refused[0]
            items = []
        if number % each == 0 and len(waiting) < honest:
            own = world.record(
                f"honest-{len(waiting):02d}", sku=registry_world.CARDS[len(waiting) % 8 + 1], model=f"own-{number}"
            )
            world.submit(own)
            waiting.append(own.id)
    with world.registry.engine.connect().execution_options(write=True) as connection, connection.begin():
        for identity in garbage:
            connection.exec_driver_sql("UPDATE records SET medians = 'x', measured = 'y' WHERE id = ?", (identity,))
    return world, waiting, row


def signers(who: Person) -> tuple[str, str, str]:
    """As a record names them."""
    keys = (key.public_key().public_bytes_raw().hex() for key in (who.operator, who.rig))
    return (who.handle, *keys)  # type: ignore[return-value]


@dataclass(frozen=True)
class Ran:
    """A command: its exit status, what it printed, seconds, of processors too (children's included), and the peak of it and its
    children together (MiB).
    """

    status: int
    out: str
    err: str
    seconds: float
    cpu_seconds: float
    peak_mib: float


def run(home: Path, *arguments: str) -> Ran:
    """Memory is summed as the kernel shares pages out among processes (PSS), four times a second."""
    program = [sys.executable, "-c", "from harness.cli import main; main()", *arguments]
    own = {"XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "COLUMNS": "300"}
    began, peak = time.perf_counter(), 0
    with (home / "out").open("w+") as out, (home / "err").open("w+") as err:
        child, cpu = subprocess.Popen(program, env=os.environ | own, stdout=out, stderr=err), 0.0
        while child.poll() is None:
            together = family(child.pid)
            peak = max(peak, sum(map(memory, together)))
            cpu = max(cpu, sum(map(cpu_seconds, together)))
            time.sleep(0.25)
        seconds = time.perf_counter() - began
        out.seek(0), err.seek(0)
        return Ran(child.returncode, out.read(), err.read(), seconds, cpu, peak / 1024)


def family(pid: int) -> list[int]:
    """The process and all below it."""
    found = [pid]
    for one in found:
        try:
            for task in Path(f"/proc/{one}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            continue
    return found


def memory(pid: int) -> int:
    """KiB."""
    try:
        return int(re.search(r"^Pss: +(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)[1])  # type: ignore[index]
    except (OSError, TypeError):
        return 0


def cpu_seconds(pid: int) -> float:
    """Of a process, and of its children that have ended."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, words[11:15])) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return 0.0


def measure(folder: Path, records: int, honest: int, listed: bool = True) -> list[tuple[str, Ran, str]]:
    """Each command, what it needed, and what does not hold; "" where all does."""
    began, known, found = time.perf_counter(), folder / "waiting", []
    if not known.exists():
        world, waiting, _ = build(folder / "registry", records, honest)
        (folder / "target").write_text(world.registry.target)
        known.write_text("\n".join(waiting))
        print(f"built in {time.perf_counter() - began:.0f} s", file=sys.stderr)
    target, waiting = (folder / "target").read_text(), known.read_text().split()
    found.append(("audit", ran := run(folder, "audit", target), audited(ran, records + honest + 1)))
    if listed:
        found.append(("review", ran := run(folder, "review", "--registry", target), shown(ran, waiting)))
    found.append(
        ("review show", ran := run(folder, "review", "show", waiting[0], "--registry", target), shown(ran, waiting[:1]))
    )
    return found


def audited(ran: Ran, records: int) -> str:
    if ran.status != 2 or "Traceback" in ran.err or f" {records:,} records" not in ran.out:
        return f"status {ran.status}: {ran.err[-300:]}"
    return "escapes" if re.search(r"[\x00-\x08\x0b-\x1f\u202e]", ran.out + ran.err) else ""


def shown(ran: Ran, waiting: list[str]) -> str:
    lines = {
        line.split(" ")[0] if not line.startswith("  record") else line.split()[1]: line
        for line in ran.out.splitlines()
        if line
    }
    lost = [one for one in waiting if one[:12] not in lines and one not in lines]
    hidden = [one for one in waiting if "cannot be examined" in lines.get(one[:12], "")]
    if ran.status or lost or hidden:
        return f"status {ran.status}, {len(lost)} honest ones lost, {len(hidden)} not examined: {ran.err[-300:]}"
    return "escapes" if re.search(r"[\x00-\x08\x0b-\x1f\u202e]", ran.out + ran.err) else ""


def main() -> None:
    import machine  # beside this file: a test imports the rest from elsewhere

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--honest", type=int, default=20)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--at", type=Path, help="build the registry here, or measure the one that is here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.at or Path(scratch)
        folder.mkdir(exist_ok=True)
        found = measure(folder, options.records, options.honest)
    lines = [
        "# A registry full of hostile records\n",
        f"Made by `python benchmarks/hostile.py {' '.join(sys.argv[1:])}`.\n",
        f"{machine.line()}.\n",
        f"{options.records:,} hostile records of {len(KINDS)} kinds by {HANDLES} handles, put into the store unchecked, and "
        f"{options.honest} honest ones among them. Half of the hostile ones reproduce an honest row.",
        f"The peak is of the command and all its children together (PSS); the bar is {LIMIT_MIB} MiB.\n",
        "| command | time | processor time | peak | honest records, other text |",
        "|---|---|---|---|---|",
        *(f"| `repro {name}` | {ran.seconds:.0f} s | {ran.cpu_seconds:.0f} s | {ran.peak_mib:.0f} MiB "
          f"| {bad or 'all there; no escape printed'} |" for name, ran, bad in found),
        "\nThe kinds: " + "; ".join(KINDS) + ".",
    ]  # fmt: skip
    text = "\n".join(lines) + "\n"
    print(text)
    if options.out is not None:
        options.out.write_text(text)
    if any(bad or ran.peak_mib > LIMIT_MIB for _, ran, bad in found):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
