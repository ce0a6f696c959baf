"""The fault shim itself: it sees every way to change a file, hits the one that was asked for, and nothing outside its folder."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.support import faults
from tests.support.patience import PATIENCE_S

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the shim is preloaded by Linux's loader")
ROOT = Path(__file__).parents[2]


def program(code, *arguments, env, folder=None, fast=True):
    """`fast` leaves site-packages out: what needs the standard library alone starts twice as soon."""
    command = [sys.executable, *(["-S"] if fast else []), "-c", code, *map(str, arguments)]
    return subprocess.run(
        command, env=env, cwd=folder or ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


# One line each: the name that the log shows, and Python that does it; `d` is a descriptor of the folder, `f` of the file f.
CHANGES = {
    "open": "os.close(os.open('new', os.O_WRONLY | os.O_CREAT))",
    "open ": "os.close(os.open('new', os.O_RDWR, dir_fd=d))",
    "open  ": "libc.creat(b'new', 0o600)",
    "open   ": "open('new', 'a').close()",
    "write": "os.write(f, b'ab')",
    "pwrite": "os.pwrite(f, b'ab', 4)",
    "writev": "os.writev(f, [b'a', b'bc'])",
    "pwritev2": "os.pwritev(f, [b'a', b'bc'], 4)",
    "pwritev": "libc.pwritev64(f, ctypes.byref(VECTOR), 1, ctypes.c_long(0))",
    "sendfile": "os.sendfile(f, source, 0, 10)",
    "copy_file_range": "os.copy_file_range(source, f, 10, 0)",
    "ftruncate": "os.ftruncate(f, 3)",
    "truncate": "os.truncate('f', 4)",
    "fallocate": "libc.fallocate64(f, 0, ctypes.c_long(0), ctypes.c_long(10))",
    "posix_fallocate": "os.posix_fallocate(f, 0, 20)",
    "fsync": "os.fsync(d)",
    "fdatasync": "os.fdatasync(f)",
    "link": "os.link('f', 'g')",
    "linkat": "os.link('f', 'h', src_dir_fd=d)",
    "symlink": "os.symlink('f', 's')",
    "symlinkat": "os.symlink('f', 't', dir_fd=d)",
    "rename": "os.rename('g', 'i')",
    "renameat": "os.replace('h', 'j', src_dir_fd=d, dst_dir_fd=d)",
    "renameat2": "libc.renameat2(d, b's', d, b'u', 1)",
    "mkdir": "os.mkdir('m')",
    "mkdirat": "os.mkdir('n', dir_fd=d)",
    "unlinkat": "os.rmdir('n/', dir_fd=d)",
    "rmdir": "os.rmdir('./m')",
    "unlink": "os.unlink('t')",
    "remove": "libc.remove(b'u')",
}
DO_ALL = f"""
import ctypes, json, os, sys
libc = ctypes.CDLL(None, use_errno=True)
class Part(ctypes.Structure):
    _fields_ = [("base", ctypes.c_char_p), ("length", ctypes.c_size_t)]
VECTOR = Part(b"abc", 3)
source = os.open("../source", os.O_RDONLY)  # of the same file system: copy_file_range asks for that
os.read(os.open("f", os.O_RDONLY), 1)  # reading is no change
f, d = int(sys.argv[1]), os.open(".", os.O_RDONLY)
told = []
for change in {list(CHANGES.values())!r}:
    ctypes.set_errno(0)
    try:
        result = eval(change)
        told.append(ctypes.get_errno() if change.startswith("libc") and result == -1 else 0)
    except OSError as error:
        told.append(error.errno)
print(json.dumps(told))
"""


def do_all(folder, how, at, log, lasting=False):
    """The error number of each change in turn, the file f being open already."""
    folder.mkdir()
    (folder.parent / "source").write_bytes(b"s" * 20)
    with (folder / "f").open("w+b", buffering=0) as file:
        command = [sys.executable, "-S", "-c", DO_ALL, str(file.fileno())]
        done = subprocess.run(
            command,
            env=faults.environment(folder, at, how, lasting, log),
            cwd=folder,
            pass_fds=[file.fileno()],
            stdout=subprocess.PIPE,
            check=True,
        )
    return json.loads(done.stdout)


def test_every_way_to_change_a_file_is_counted_under_its_name(tmp_path):
    told = do_all(tmp_path / "in", "EIO", 0, tmp_path / "log")
    assert told == [0] * len(CHANGES)
    seen = faults.operations(tmp_path / "log")
    assert [operation.name for operation in seen] == [name.rstrip() for name in CHANGES]
    assert [operation.number for operation in seen] == list(range(1, len(CHANGES) + 1))
    names = [Path(operation.path).relative_to(tmp_path / "in").as_posix() for operation in seen]
    paths = dict(zip(CHANGES, names, strict=True))
    assert (paths["open "], paths["write"], paths["fsync"], paths["mkdirat"]) == ("new", "f", ".", "n")
    assert (paths["rename"], paths["renameat"], paths["linkat"], paths["rmdir"]) == ("i", "j", "h", "m")
    assert not faults.fired(tmp_path / "log")


@pytest.mark.parametrize(("how", "number"), [("EIO", 5), ("ENOSPC", 28)])
def test_exactly_the_one_asked_for_fails(tmp_path, how, number):
    for at in range(1, len(CHANGES) + 1):
        told = do_all(tmp_path / str(at), how, at, tmp_path / f"{at}.log")
        assert told[at - 1] == number, list(CHANGES)[at - 1]
        assert told[: at - 1] == [0] * (at - 1)
        assert told.count(number) == 1
        assert faults.fired(tmp_path / f"{at}.log") == [at]


def test_a_lasting_fault_stays(tmp_path):
    told = do_all(tmp_path / "in", "ENOSPC", 6, tmp_path / "log", lasting=True)
    assert told == [0] * 5 + [28] * (len(CHANGES) - 5)
    assert faults.fired(tmp_path / "log") == list(range(6, len(CHANGES) + 1))


SHORT = """
import os, sys
f = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
source = os.open(sys.argv[2], os.O_RDONLY)
print(os.write(f, b"abcdef"), os.write(f, b"x"), os.pwrite(f, b"abcdef", 0), os.writev(f, [b"ab", b"", b"cdef", b"gh"]),
      os.pwritev(f, [b"abc", b"defg"], 0), os.sendfile(f, source, 0, 100), os.copy_file_range(source, f, 100, 0))
"""


def test_a_short_write_writes_half_and_what_can_not_be_cut_is_not_counted(tmp_path):
    log, source = tmp_path / "log", tmp_path / "source"
    source.write_bytes(b"s" * 200)
    environment = faults.environment(tmp_path, 1, "SHORT", True, log)
    told = program(SHORT, tmp_path / "f", source, env=environment).stdout.split()
    assert told == ["3", "1", "3", "4", "3", "50", "50"]
    assert [operation.name for operation in faults.operations(log)] == [
        *("write", "pwrite", "writev", "pwritev2", "sendfile", "copy_file_range")
    ]
    once = faults.environment(tmp_path, 3, "SHORT", False, log)
    told = program(SHORT, tmp_path / "f", source, env=once).stdout.split()
    assert told[:3] == ["6", "1", "6"]


def test_a_short_write_keeps_the_first_bytes(tmp_path):
    code = "import os, sys; os.writev(os.open(sys.argv[1], os.O_RDWR | os.O_CREAT), [b'ab', b'', b'cdef', b'gh'])"
    assert program(code, tmp_path / "f", env=faults.environment(tmp_path, 1, "SHORT")).returncode == 0
    assert (tmp_path / "f").read_bytes() == b"abcd"


OUTSIDE = """
import os, sys
from pathlib import Path
outside, inside = map(Path, sys.argv[1:])
os.chdir(inside)
for folder in (outside, Path("..", "in-other"), inside.parent / "way-out"):
    (folder / "a").write_bytes(b"kept")
    (folder / "a").rename(folder / "b")
    (folder / "c").mkdir(parents=True)
    os.sync()
for path in (inside / "a", Path("a"), Path("..", "in", "a"), inside.parent / "way-in" / "a"):
    try:
        path.write_bytes(b"lost")
        sys.exit(f"{path} was written")
    except OSError as error:
        assert error.errno == 5
try:
    (outside / "b").rename("b")
    sys.exit("moved in")
except OSError as error:
    assert error.errno == 5
"""


def test_a_path_outside_never_fails_and_a_detour_inside_does(tmp_path):
    outside, inside = tmp_path / "elsewhere", tmp_path / "in"
    for folder in (outside, inside, tmp_path / "in-other", tmp_path / "third"):
        folder.mkdir()
    (tmp_path / "way-out").symlink_to(tmp_path / "third")
    (tmp_path / "way-in").symlink_to(inside)
    done = program(OUTSIDE, outside, inside, env=faults.environment(inside, 1, "EIO", True, outside / "log"))
    assert done.returncode == 0, done.stderr
    assert (outside / "b").read_bytes() == b"kept"
    assert list(inside.iterdir()) == []
    assert [Path(operation.path).name for operation in faults.operations(outside / "log")] == ["a"] * 4 + ["b"]


FAMILY = """
import subprocess, sys
command = [sys.executable, "-S", "-c", "import sys; open(sys.argv[1], 'w').close()"]
codes = [subprocess.run([*command, f"{sys.argv[1]}/{i}"]).returncode for i in range(3)]
print(*codes)
"""


def test_children_share_the_count_with_their_parent(tmp_path):
    log = tmp_path / "log"
    inside = tmp_path / "in"
    inside.mkdir()
    assert program(FAMILY, inside, env=faults.environment(inside, 2, "KILL", False, log)).stdout.split() == [
        "0",
        "-9",
        "0",
    ]
    assert [operation.number for operation in faults.operations(log)] == [1, 2, 3]
    assert sorted(path.name for path in inside.iterdir()) == ["0", "2"]


ARROW = """
import sys
import pyarrow
from pyarrow import parquet
try:
    parquet.write_table(pyarrow.table({"a": list(range(1000))}), sys.argv[1])
except OSError as error:
    sys.exit(f"errno {error.errno}")
"""


def test_arrow_is_seen_and_hit(tmp_path):
    pytest.importorskip("pyarrow")
    log, target = tmp_path / "log", tmp_path / "in" / "table"
    target.parent.mkdir()
    assert program(ARROW, target, env=faults.environment(target.parent, 0, "EIO", log=log), fast=False).returncode == 0
    seen = faults.operations(log)
    assert [operation.name for operation in seen] == ["open"] + ["write"] * (len(seen) - 1)
    done = program(ARROW, target, env=faults.environment(target.parent, len(seen), "ENOSPC"), fast=False)
    assert (done.returncode, done.stderr.strip()) == (1, "errno 28")


ATOMIC = """
import sys
from pathlib import Path
from harness.errors import ReproError
from harness.files import write_bytes
try:
    write_bytes(Path(sys.argv[1]), b"new" * 50_000)
except ReproError as error:
    sys.exit(type(error).__name__)
"""
OLD, NEW = b"old" * 40_000, b"new" * 50_000


def test_an_atomic_write_leaves_the_old_content_or_the_new(tmp_path):
    target = tmp_path / "in" / "file"
    target.parent.mkdir()

    def run(env):
        target.write_bytes(OLD)
        return program(ATOMIC, target, env=env)

    met = {}
    for number, how, done in faults.every(run, target.parent):
        content = target.read_bytes()
        assert content == NEW or (content == OLD and done.returncode != 0), (number, how)
        met.setdefault(how, []).append((done.returncode, content[:3]))
    assert {code for code, _ in met["KILL"]} == {-9}
    for seen in met.values():
        contents = [content for _, content in seen]
        assert contents == sorted(contents, reverse=True)  # once it is the new one, it stays
        assert set(contents) == {b"old", b"new"}
    assert target.read_bytes() == NEW


def test_a_plain_write_is_caught_in_the_middle(tmp_path):
    target = tmp_path / "file"
    code = "import sys; open(sys.argv[1], 'wb', 0).write(b'new' * 50_000)"

    def run(env):
        target.write_bytes(OLD)
        return program(code, target, env=env)

    left = [(number, how, target.read_bytes()) for number, how, _done in faults.every(run, tmp_path, ["KILL", "SHORT"])]
    assert left == [(1, "KILL", OLD), (2, "KILL", b""), (1, "SHORT", NEW[: len(NEW) // 2])]


def test_an_atomic_write_survives_short_writes(tmp_path):
    target = tmp_path / "file"
    for _number, _how, done in faults.every(
        lambda env: program(ATOMIC, target, env=env), tmp_path, ["SHORT"], lasting=True
    ):
        assert (done.returncode, target.read_bytes()) == (0, NEW)
        target.unlink()


DATABASE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA synchronous=FULL")
for i in (1, 2):
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT INTO t VALUES (?, ?)", [(i, b"x" * 3000), (i, b"y" * 3000)])
    connection.execute("COMMIT")
    print(i, flush=True)
connection.close()
"""


def test_sqlite_keeps_what_it_acknowledged(tmp_path):
    target = tmp_path / "in" / "db.sqlite"

    def run(env):
        target.parent.mkdir(exist_ok=True)
        for old in target.parent.iterdir():
            old.unlink()
        with closing(sqlite3.connect(target)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE t (i INTEGER, b BLOB)")
        return program(DATABASE, target, env=env)

    acknowledged = set()
    for number, how, done in faults.every(run, target.parent):
        told = [int(line) for line in done.stdout.split()]
        with closing(sqlite3.connect(target)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)], (number, how)
            kept = [i for (i,) in connection.execute("SELECT i FROM t ORDER BY i")]
        assert kept in ([], [1, 1], [1, 1, 2, 2]), (number, how)
        assert set(told) <= set(kept), (number, how)
        acknowledged.add(tuple(told))
    assert acknowledged == {(), (1,), (1, 2)}


def test_the_loop_refuses_a_program_that_no_fault_can_reach(tmp_path):
    with pytest.raises(AssertionError, match="did nothing below"):
        list(faults.every(lambda env: program("pass", env=env), tmp_path, ["EIO"]))


def test_the_loop_refuses_a_program_that_fails_by_itself(tmp_path):
    code = "import sys; open(sys.argv[1], 'w'); sys.exit(3)"
    with pytest.raises(AssertionError, match="ends with 3"):
        list(faults.every(lambda env: program(code, tmp_path / "f", env=env), tmp_path, ["EIO"]))
