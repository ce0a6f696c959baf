"""The user's own machine: one process leads a batch, each job is a process of its own. They outlive whoever started them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from harness.capture.gpu import read_gpus
from harness.capture.source import this_machine
from harness.errors import BadInput
from harness.files import locked
from harness.fleet.outcome import Held, Phase
from harness.fleet.plan import MOST_JOBS, Node, Plan
from harness.fleet.state import Batch, State
from harness.progress import SILENT

HERE = "here"  # the one node: its real name is nobody's business
_STOP_S = 30.0
_LOOK_S = 2.0  # longer than a look takes
_BUSY = "a process holds it"


class Local:
    """The embedded engine."""

    name = "local"
    poll_s = 0.2

    def nodes(self) -> Sequence[Node]:
        """The machine itself, with the cards that its drivers name and the environment does not hide."""
        memory_mib, cards = psutil.virtual_memory().total >> 20, read_gpus(this_machine()).shown
        return (Node(name=HERE, memory_mib=memory_mib, devices=len(cards), device_kinds=cards),)

    def default_cache(self) -> str:
        """The user's own."""
        return ""

    def enter(self, plan: Plan, node: str) -> None:
        """Nothing: it is the user's own machine, with the user's own cache."""

    def most(self) -> int:
        """All that there are."""
        return MOST_JOBS

    def submit(self, state: State, batch: Batch) -> str:
        """Start the process that leads it; its handle is the process, told by its start from a later one of that number."""
        return led(state, batch, "run")

    def find(self, state: State, batch: Batch) -> str | None:
        """By its lock: a process that never took it does nothing."""
        if held(runner_lock(state, batch)):
            return "unknown"
        return "" if any(state.attempts(number) for number in batch.jobs) else None

    def poll(self, state: State, batches: Sequence[Batch]) -> Mapping[int, Held]:
        """By the locks that the processes hold: the kernel drops them with the process."""
        found: dict[int, Held] = {}
        for batch in batches:
            led = held(runner_lock(state, batch))
            for number in batch.jobs:
                if state.outcome(number) is not None:
                    continue
                if held(state.job_folder(number) / "lock"):  # also one whose leader was killed
                    found[number] = Held(Phase.RUNNING)
                elif led:
                    found[number] = Held(Phase.QUEUED)
        return found

    def ends(self, state: State, batch: Batch, numbers: Sequence[int]) -> Mapping[int, str]:
        """Nobody remembers a process; its log may."""
        return {number: f"its process ended without an outcome; see {_log(state, batch, number)}" for number in numbers}

    def cancel(self, state: State, batches: Sequence[Batch]) -> None:
        """Ctrl-C to each batch's group, and wait for its end."""
        for group in _groups(state, batches):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGINT)
        until = time.monotonic() + _STOP_S
        while self.poll(state, batches) and time.monotonic() < until:
            time.sleep(0.1)


def led(state: State, batch: Batch, word: str) -> str:
    """Start the process here that leads the batch, `python -m harness.fleet WORD …`; its handle."""
    folder = Path(state.plan.folder)
    if not folder.is_dir():
        raise BadInput(
            "is gone, and the matrix's paths are seen from there",
            where=str(folder),
            fix=f"put the folder back, or remove {state.folder} and start it again",
        )
    with state.log(f"batch-{batch.number:04d}").open("ab") as file:
        child = subprocess.Popen(
            [sys.executable, "-m", "harness.fleet", word, *_named(state, batch)],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            cwd=folder,
            start_new_session=True,  # neither Ctrl-C nor the end of the terminal reaches it
        )
    until = time.monotonic() + _STOP_S
    try:
        while not held(runner_lock(state, batch)) and child.poll() is None and time.monotonic() < until:
            time.sleep(0.02)  # until it can be seen, so that nobody takes it for lost
    except KeyboardInterrupt:
        os.killpg(child.pid, signal.SIGINT)
        raise
    return _handle(child.pid)


def _named(state: State, batch: Batch) -> list[str]:
    """The last words of the process that leads a batch, and of its jobs, which are copies of it."""
    return [str(state.folder), str(batch.number)]


def _groups(state: State, batches: Sequence[Batch]) -> set[int]:
    """The groups of those processes: also of jobs whose leader was killed, and of a leader that nobody noted."""
    wanted = [_named(state, batch) for batch in batches]
    found = set()
    for one in psutil.process_iter(["cmdline"]):
        if (one.info["cmdline"] or [])[-2:] in wanted:
            with contextlib.suppress(ProcessLookupError):
                found.add(os.getpgid(one.pid))
    return found - {os.getpgrp()}


def _log(state: State, batch: Batch, number: int) -> Path:
    """What the job printed; what its leader did, where the job never began."""
    own = state.log(f"job-{number:05d}")
    return own if own.exists() else state.log(f"batch-{batch.number:04d}")


def runner_lock(state: State, batch: Batch) -> Path:
    """Held by the process that leads the batch, as long as it lives."""
    return state.folder / "batches" / f"{batch.number:04d}.lock"


@contextmanager
def leading(state: State, batch: Batch) -> Iterator[None]:
    """Hold that lock. Whoever looks whether it is held has it for a moment. Raises `Conflict` where another leads the batch."""
    from harness.run.waiting import patiently

    busy = "the batch is running already"
    with ExitStack() as own:
        patiently(lambda: own.enter_context(locked(runner_lock(state, batch), busy)), SILENT, _LOOK_S, 0.02, busy)
        yield


def held(path: Path) -> bool:
    """Whether a process holds the lock now."""
    if not path.exists():
        return False
    try:
        with locked(path, _BUSY):
            return False
    except BadInput as error:
        if error.what != _BUSY:
            raise
        return True


def _handle(pid: int) -> str:
    try:
        return f"{pid} {psutil.Process(pid).create_time()}"
    except psutil.Error:
        return str(pid)


EXECUTOR = Local()
