"""Starts one worker, hears its frames, and makes sure that it is gone at the end, whatever happens.

The parent sleeps in `select` while the child is timed. Standard output and error of the child are drained and only
their end is kept: an engine may print what it likes.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness import errors
from harness.capture.cgroup import oom_kills
from harness.capture.source import Tree
from harness.worker.frames import PROTOCOL, Decoder, Frame, ProtocolError
from harness.worker.plan import Plan
from runtimes.interface import SECRET

TAIL_BYTES = 16_384
_READ = 1 << 16
# Prefixes of the variables that engines heed; everything else of the environment stays with the parent.
ENGINE_VARIABLES = tuple(
    "CUDA_ GGML_ GOMP_ GPU_DEVICE_ HIP_ HSA_ KMP_ LP_ MESA_ MKL_ NVIDIA_ OMP_ ONEAPI_ OPENBLAS_ PYTORCH_ ROCR_ SYCL_ VLLM_ VK_ "
    "ZE_".split()
)
_PASSED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "OLLAMA_HOST")


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds of silence after which a worker counts as hung, by what it is doing."""

    start_s: float = 60
    load_s: float = 1800
    trial_s: float = 900

    @classmethod
    def of(cls, seconds: float | None) -> Deadlines:
        """As long for the load and for each trial; None: the defaults."""
        return cls() if seconds is None else cls(load_s=seconds, trial_s=seconds)

    def after(self, kind: str) -> float:
        """How long the next frame, or after `end` the exit, may take after one of this kind."""
        waits = {"": self.start_s, "hello": self.start_s, "loading": self.load_s, "end": self.start_s}
        return waits.get(kind, self.trial_s)

    def is_ours(self, kind: str) -> bool:
        """Whether the engine, and not the interpreter, is what is waited for after a frame of this kind."""
        return kind not in ("", "hello", "end")


@dataclass(frozen=True, slots=True)
class Interpreter:
    """What a worker runs in: a Python with the engine, the bundle on its path, and a home of its own."""

    python: Path
    bundle: Path
    home: Path
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)  # secret option → what its variable holds


@dataclass(frozen=True, slots=True)
class Ended:
    """How a worker ended; `error` is None when it carried out its plan. The rest says what of it was the engine's."""

    error: errors.ReproError | None
    output_tail: str
    last: str = ""  # kind of the last whole frame but one that told of an error
    told: bool = False  # an `error` frame came: it speaks for itself
    by_engine: bool = False  # what it told was raised in the engine's own code
    waited_s: int | None = None  # silent for so long, then stopped by us
    status: int | None = None  # of its exit; negative: the signal that ended it
    oom_kills: int | None = None  # processes of our control group that the kernel killed for memory meanwhile


def environment(interpreter: Interpreter, own: Mapping[str, str]) -> dict[str, str]:
    """The allow-listed environment of a worker."""
    kept = {k: v for k, v in own.items() if k in _PASSED or k.startswith(ENGINE_VARIABLES)}
    secrets = {f"{SECRET}{name}": value for name, value in interpreter.secrets.items()}
    return (
        kept
        | secrets
        | {
            "PYTHONPATH": str(interpreter.bundle),
            "PYTHONNOUSERSITE": "1",
            "HOME": str(interpreter.home),
            "TMPDIR": str(interpreter.home),
            "HF_HUB_OFFLINE": "1",
            "TRANSFORMERS_OFFLINE": "1",
            "VLLM_NO_USAGE_STATS": "1",
            "GGML_NO_BACKTRACE": "1",  # an abort says why; a debugger's page after it would push that out
        }
    )


def run_worker(interpreter: Interpreter, plan: Plan, deadlines: Deadlines, on_frame: Callable[[Frame], None]) -> Ended:
    """Run one worker to its end. `on_frame` gets each frame as it comes.

    Kills and reaps the whole process group on every way out, an exception in `on_frame` and Ctrl-C included.
    """
    interpreter.home.mkdir(parents=True, exist_ok=True)
    killed = oom_kills(Tree())
    reading, writing = os.pipe()
    life, held = os.pipe()  # its other end is ours alone: however we end, the worker sees it
    try:
        child = subprocess.Popen(
            [str(interpreter.python), "-P", "-m", "harness.worker", str(life), str(writing)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=interpreter.home,
            env=environment(interpreter, os.environ),
            pass_fds=(life, writing),
            start_new_session=True,  # Ctrl-C is the parent's to handle
        )
    except OSError as error:
        for one in (reading, writing, life, held):
            os.close(one)
        raise errors.RuntimeUnavailable(
            f"can't start the interpreter ({error.strerror})",
            where=str(interpreter.python),
            fix="name another --python",
        ) from error
    os.close(writing)
    os.close(life)
    session = _Session(child, reading, deadlines, on_frame)
    try:
        # A plan can be larger than a pipe holds: it is written beside the listening, under the same watchdog.
        threading.Thread(target=session.tell, args=(plan.to_json().encode() + b"\n",), daemon=True).start()
        ended = session.listen()
        if killed is not None and ended.status is not None and ended.status < 0:
            ended = replace(ended, oom_kills=max((oom_kills(Tree()) or killed) - killed, 0))
        return ended
    finally:
        session.close()
        os.close(held)


class _Session:
    def __init__(
        self, child: subprocess.Popen[bytes], frames: int, deadlines: Deadlines, on_frame: Callable[[Frame], None]
    ) -> None:
        self._child, self._frames, self._deadlines, self._on_frame = child, frames, deadlines, on_frame
        self._decoder = Decoder()
        self._tail = b""
        self._last = ""
        self._told: Frame | None = None
        self._error: errors.ReproError | None = None

    def listen(self) -> Ended:
        output = self._child.stdout
        assert output is not None  # noqa: S101 - asked for
        with selectors.DefaultSelector() as selector:
            selector.register(self._frames, selectors.EVENT_READ)
            selector.register(output, selectors.EVENT_READ)
            deadline = time.monotonic() + self._deadlines.after("")
            while True:
                # A second at most, so that a grandchild which holds the pipes open can't hide the worker's death.
                ready = {key.fd for key, _ in selector.select(min(max(deadline - time.monotonic(), 0), 1.0))}
                if output.fileno() in ready:
                    data = os.read(output.fileno(), _READ)
                    self._tail = (self._tail + data)[-TAIL_BYTES:]
                    if not data:
                        selector.unregister(output)
                if self._frames in ready:
                    data = os.read(self._frames, _READ)
                    if not data:
                        break
                    if self._take(data):
                        deadline = time.monotonic() + self._deadlines.after(self._last)
                elif not ready and self._child.poll() is not None:
                    break
                if time.monotonic() >= deadline:
                    waited = self._deadlines.after(self._last)
                    return self._ended(f"the worker hung: nothing for {waited:g} s after {self._last or 'its start'!r}")
                if self._error is not None:
                    break
        return self._ended("")

    def _take(self, data: bytes) -> bool:
        whole = False
        try:
            for frame in self._decoder.feed(data):
                whole = True
                self._last = frame.kind if frame.kind != "error" else self._last
                if frame.kind == "hello" and frame.header.get("protocol") != PROTOCOL:
                    raise ProtocolError(f"the worker speaks protocol {frame.header.get('protocol')}, not {PROTOCOL}")
                if frame.kind == "error":
                    self._told, self._error = frame, _error_from(frame)
                else:
                    self._on_frame(frame)
                if frame.kind == "trial":
                    self._answer()
        except ProtocolError as error:
            self._error = errors.RunFailed(
                f"the worker's pipe carries garbage ({error})", where="worker", code="protocol"
            )
        return whole

    def tell(self, data: bytes) -> None:
        """Write to the worker's standard input; one that died at once says why by its exit."""
        assert self._child.stdin is not None  # noqa: S101 - asked for
        with contextlib.suppress(OSError, ValueError):
            self._child.stdin.write(data)
            self._child.stdin.flush()

    def _answer(self) -> None:
        """Tell the worker that its trial is safe with us; it waits for that, so nothing of ours is timed."""
        self.tell(b".")

    def _ended(self, hung: str) -> Ended:
        self._drain()
        tail = self._tail.decode(errors="replace").replace("\0", "")
        if self._last == "end" and self._error is None:
            return Ended(None, tail, "end")  # its plan is carried out; that it lingers costs nothing
        found = Ended(None, tail, self._last)
        if hung:
            slow = self._deadlines.is_ours(self._last)
            fix = "where it is only slow, wait longer: --timeout SECONDS" if slow else ""
            self._error = errors.RunFailed(hung, where="worker", fix=fix, code=f"hung after {self._last or 'start'}")
            found = replace(found, waited_s=round(self._deadlines.after(self._last)))
        elif self._told is not None:
            found = replace(found, told=True, by_engine=self._told.header.get("raised") == "engine")
        elif self._error is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(10)
            self._error = _death(self._child.returncode, self._last, tail)
            found = replace(found, status=self._child.returncode)
        return replace(found, error=self._error)

    def _drain(self) -> None:
        """What the worker said last may still lie in its pipe."""
        if self._child.stdout is None:
            return
        descriptor = self._child.stdout.fileno()
        os.set_blocking(descriptor, False)
        with contextlib.suppress(BlockingIOError):
            while data := os.read(descriptor, _READ):
                self._tail = (self._tail + data)[-TAIL_BYTES:]

    def close(self) -> None:
        """Nothing of the worker's process group survives this."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self._last == "end":
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._child.wait(30)
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
        os.close(self._frames)
        for stream in (self._child.stdin, self._child.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


def _error_from(frame: Frame) -> errors.ReproError:
    kind = getattr(errors, str(frame.header.get("error")), errors.RunFailed)
    if not (isinstance(kind, type) and issubclass(kind, errors.ReproError)):
        kind = errors.RunFailed
    text = {name: str(frame.header.get(name, "")) for name in ("what", "where", "fix", "code")}
    return kind(text["what"], where=text["where"], fix=text["fix"], code=text["code"])


# What a worker was doing after the frame that was heard last.
_WHEN = {"hello": "before it loaded the model", "loading": "while it loaded the model", "loaded": "before its first trial",
         "clock": "in its first trial", "warm": "in its first timed trial",
         "clocks": "after its last trial", "probe": "after its last trial"}  # fmt: skip


def _death(code: int | None, last: str, tail: str) -> errors.ReproError:
    said = errors.one_line(tail.strip().splitlines()[-1] if tail.strip() else "", 200)
    if not last:
        return errors.RuntimeUnavailable(
            f"the worker did not start: {said or f'exit status {code}'}",
            where="worker",
            fix="install the runtime again, or name a --python that has numpy and the engine",
            code="no start",
        )
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        hint = " (out of memory?)" if name == "SIGKILL" else ""
        words = f": {said}" if said and not hint else ""
        text = f"the worker was killed by {name}{hint} {_WHEN.get(last, 'in a trial')}{words}"
        return errors.RunFailed(text, where="worker", code=f"killed by {name} after {last}")
    text = f"the worker ended with status {code} {_WHEN.get(last, 'in a trial')}: {said}"
    return errors.RunFailed(text, where="worker", code=f"exit status {code} after {last}")
