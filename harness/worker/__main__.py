"""`python -P -m harness.worker LIFE FRAMES`: one measuring process. Started by `harness.run.execute.launcher`.

Standard input carries the plan on one line, then one byte for each trial that the parent has taken in. LIFE and FRAMES are
descriptors: the end of the first is the end of the parent, the second carries what is measured.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from typing import Any

from harness import __version__
from harness.errors import ReproError, one_line
from harness.worker.frames import PROTOCOL, Pipe
from harness.worker.packages import packages
from harness.worker.plan import Plan
from harness.worker.process import run
from runtimes.support import keeper
from runtimes.table import BUILT_IN, module_of


def main() -> int:
    """Exit status 0 when the plan was carried out; else an `error` frame says why."""
    keeper.end_with(int(sys.argv[-2]))  # else it is measured beside whatever starts next, and nobody hears it
    pipe = Pipe(int(sys.argv[-1]))
    plan: Plan | None = None

    def send(kind: str, header: Mapping[str, Any], body: bytes) -> None:
        pipe.send(kind, header, body)
        # The parent writes journal and progress bar before it answers: none of its work falls into a timed region.
        if kind == "trial" and not sys.stdin.buffer.read(1):
            raise BrokenPipeError

    try:
        hello = {"protocol": PROTOCOL, "version": __version__, "python": platform.python_version()}
        pipe.send("hello", {**hello, "packages": packages()})
        plan = Plan.from_json(sys.stdin.buffer.readline().decode())
        run(plan, send)
    except BrokenPipeError:
        return 1  # nobody listens any more
    except ReproError as error:
        return _report(pipe, type(error).__name__, error.what, error.where, error.fix, error.code)
    except MemoryError as error:
        return _report(
            pipe, "NotEnoughSpace", f"out of memory ({error})", "worker", "take a smaller model or context", "no memory"
        )
    except Exception as error:
        import traceback

        traceback.print_exc()  # to stderr, which the parent keeps the end of
        kind = type(error).__name__
        raised = "engine" if plan is not None and from_engine(error, plan.runtime) else "ours"
        return _report(pipe, "RunFailed", f"{kind}: {error}", "worker", "", f"exception {kind}", raised)
    return 0


def from_engine(error: BaseException, runtime: str) -> bool:
    """Whether the engine raised it: its type, or the innermost function that it came from, belongs to a package that is neither
    ours, the adapter's, numpy's nor Python's own.
    """
    trace, innermost = error.__traceback__, ""
    while trace is not None:
        innermost, trace = str(trace.tb_frame.f_globals.get("__name__", "")), trace.tb_next
    adapter = "" if runtime in BUILT_IN else module_of(runtime).partition(".")[0]
    known = {"", "harness", "runtimes", "numpy", "__main__", adapter, *sys.stdlib_module_names}
    return any(name.partition(".")[0] not in known for name in (type(error).__module__, innermost))


def _report(pipe: Pipe, name: str, what: str, where: str, fix: str, code: str, raised: str = "") -> int:
    header = {"error": name, "what": one_line(what), "where": where, "fix": fix, "code": code, "raised": raised}
    pipe.send("error", header)
    return 1


if __name__ == "__main__":
    sys.exit(main())
