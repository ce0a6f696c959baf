"""`repro` in a process of its own, forked from one that has the modules already: the seconds of their imports are paid once.

Everything that a process has of its own is the child's: arguments, environment, folder, output, exit status, open files. What the
interpreter or a library reads when it starts (`LD_LIBRARY_PATH`, `PYTHONPATH`, `OMP_NUM_THREADS` …) would come too late: `run`
starts a fresh interpreter for a command that changes any of those.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-c", "from harness.cli import main; main()")
READ_AT_THE_START = (
    "LD_",
    "PYTHON",
    "LC_",
    "LANG",
    "OMP_",
    "OPENBLAS_",
    "MKL_",
    "MALLOC_",
    "ARROW_",
    "TZ",
    "VIRTUAL_ENV",
)
# What commands import when they run. huggingface_hub isn't here: it reads its variables when it is imported.
HEAVY = (
    "harness.api", "harness.run.bench", "harness.registry.opening", "harness.registry.queries.scores",
    "harness.registry.exchange.audit", "harness.registry.remote.mirror", "harness.registry.remote.registry",
    "harness.service.server", "harness.site.build", "alembic.command", "httpcore2", "httpx2", "jinja2", "pandas", "psutil", "pyarrow.parquet",
    "encodings.idna", "http_message_signatures", "pynvml", "rfc8785", "rich.console", "rich.table", "runtimes.llama_cpp",
    "runtimes.simulated", "sqlalchemy.dialects.sqlite",
)  # fmt: skip
# All that is in these.
FOLDERS = ("compare", "fleet", "registry/actions", "registry/remote", "run", "terminal", "verify")


def run(
    arguments: Sequence[object], environment: Mapping[str, str], folder: Path, timeout: float
) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run` of the program would end, its output captured. Raises `subprocess.TimeoutExpired`."""
    words = [str(one) for one in arguments]
    if _needs_a_start(environment):
        return subprocess.run(
            [*PROGRAM, *words], env=dict(environment), cwd=folder, capture_output=True, text=True, timeout=timeout,
            check=False,
        )  # fmt: skip
    return _server().run(words, environment, folder, timeout)


def _needs_a_start(environment: Mapping[str, str]) -> bool:
    return any(
        name.startswith(READ_AT_THE_START) and environment.get(name) != os.environ.get(name)
        for name in {*environment, *os.environ}
    )


class _Server:
    """The process that forks; one child at a time."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            program = f"from tests.support.forked import _serve; _serve({theirs.fileno()})"
            self._process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, pass_fds=[theirs.fileno()])

    def run(
        self, words: list[str], environment: Mapping[str, str], folder: Path, timeout: float
    ) -> subprocess.CompletedProcess[str]:
        variables = {name: os.fspath(value) for name, value in environment.items()}
        asked = json.dumps([words, variables, str(folder)]).encode()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, Path(os.devnull).open("rb") as nothing:
            socket.send_fds(self._socket, [len(asked).to_bytes(8)], [nothing.fileno(), out.fileno(), err.fileno()])
            self._socket.sendall(asked)
            child = int.from_bytes(exactly(self._socket, 8))
            self._socket.settimeout(timeout)
            try:
                status = exactly(self._socket, 8)
            except TimeoutError:
                os.kill(child, signal.SIGKILL)
                self._socket.settimeout(None)
                exactly(self._socket, 8)
                raise subprocess.TimeoutExpired(words, timeout) from None
            finally:
                self._socket.settimeout(None)
            code = os.waitstatus_to_exitcode(int.from_bytes(status))
            return subprocess.CompletedProcess(words, code, _text(out), _text(err))

    def end(self) -> None:
        self._socket.close()
        self._process.wait()


_STARTED: list[_Server] = []


def _server() -> _Server:
    if not _STARTED:
        _STARTED.append(_Server())
        atexit.register(_STARTED[0].end)
    return _STARTED[0]


def _text(file: tempfile._TemporaryFileWrapper[bytes]) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n")


def exactly(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = connection.recv(size - len(found))
        if not part:
            raise ConnectionError("the process that forks the program is gone")
        found += part
    return found


def _within(*folders: str) -> Iterator[str]:
    """The names of the modules in these folders of the program, none of which are run as programs."""
    for folder in folders:
        for path in sorted((ROOT / "harness" / folder).rglob("*.py")):
            if not path.name.startswith("__"):
                yield ".".join(path.relative_to(ROOT).with_suffix("").parts)


def _serve(number: int) -> None:
    """In the process that forks: until whoever asks is gone."""
    import gc
    from importlib import import_module

    from harness.cli import COMMANDS

    for name in (*(where.partition(":")[0] for where, _ in COMMANDS.values()), *HEAVY, *_within(*FOLDERS)):
        import_module(name)
    import_module("harness.run.prepare.gate").words_of_the_program()  # the same in every child, a second of work
    if "huggingface_hub" in sys.modules:
        raise RuntimeError("huggingface_hub was imported before its variables are known")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()
    connection = socket.socket(fileno=number)
    while True:
        head, files, _, _ = socket.recv_fds(connection, 8, 3)
        if not head:
            return
        size = int.from_bytes(head + (exactly(connection, 8 - len(head)) if len(head) < 8 else b""))
        words, environment, folder = json.loads(exactly(connection, size))
        child = os.fork()
        if child == 0:
            connection.close()
            _become(words, environment, folder, files)
        for file in files:
            os.close(file)
        connection.sendall(child.to_bytes(8))
        _, status = os.waitpid(child, 0)
        connection.sendall(status.to_bytes(8))


def _become(words: list[str], environment: dict[str, str], folder: str, files: Sequence[int]) -> NoReturn:
    """In the child: the program, from its start to its end."""
    from harness.cli import main

    code = 1
    try:
        become(["-c", *words], environment, folder, files)
        code = ended(main)
    finally:
        os._exit(code)


def become(words: list[str], environment: dict[str, str], folder: str | Path, files: Sequence[int]) -> None:
    """Make this process, just forked, one that was started so. `files`: its standard input, output and error."""
    for target, file in enumerate(files):
        os.dup2(file, target)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - as the interpreter opens them
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]
    sys.argv = words


def ended(main: Callable[[], object]) -> int:
    """The exit status of the program, after all that an interpreter does at its end."""
    code: object = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if not stream.closed:
            stream.flush()
    if code is None or isinstance(code, int):
        return code or 0
    print(code, file=sys.stderr, flush=True)
    return 1
