"""Locks, fsync and homes as unusual systems have them: each answer of the kernel has its own right answer of ours."""

import errno
import fcntl
import os
import subprocess
import sys

import pytest

from harness import files, paths
from harness.catalog import digest
from harness.errors import BadInput, NotEnoughSpace
from harness.files import locked, sync, write_bytes

BUSY = "another measurement is running"


def answering(monkeypatch, module, name, number, when=lambda *a: True, times=10**9):
    """The call answers an error, as often as `times`, where `when` its arguments fit."""
    real, left = getattr(module, name), [times]

    def call(*arguments):
        if left[0] and when(*arguments):
            left[0] -= 1
            raise OSError(number, os.strerror(number))
        return real(*arguments)

    monkeypatch.setattr(module, name, call)


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(files.tempfile, "gettempdir", lambda: str(folder))
    return folder


NOT_OFFERED = [errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL]


@pytest.mark.parametrize("number", NOT_OFFERED, ids=errno.errorcode.get)
def test_a_file_system_without_flock_still_keeps_a_second_one_out(tmp_path, temporary, monkeypatch, number):
    answering(monkeypatch, fcntl, "flock", number)
    path = tmp_path / "cache" / "measuring.lock"
    with locked(path, BUSY) as held:
        assert held
        with pytest.raises(BadInput, match=BUSY), locked(path, BUSY):
            pass
    with locked(path, BUSY) as held:
        assert held


def of(path):
    """Whether a call is about this file."""
    return lambda descriptor, *_: os.fstat(descriptor).st_ino == path.stat().st_ino


def test_a_file_system_without_any_lock_is_stood_for_by_a_file_of_this_machine(tmp_path, temporary, monkeypatch):
    path = tmp_path / "measuring.lock"
    path.touch()
    answering(monkeypatch, fcntl, "flock", errno.ENOSYS, of(path))
    answering(monkeypatch, fcntl, "fcntl", errno.ENOLCK, of(path))
    with locked(path, BUSY) as held:
        assert held
        with pytest.raises(BadInput, match=BUSY), locked(path, BUSY):
            pass
        with locked(tmp_path / "other.lock", BUSY) as other:
            assert other
    assert len(list(temporary.iterdir())) == 1


def test_a_system_without_any_lock_at_all_measures_and_says_so(tmp_path, temporary, monkeypatch):
    answering(monkeypatch, fcntl, "flock", errno.ENOSYS)
    answering(monkeypatch, fcntl, "fcntl", errno.ENOSYS)
    with locked(tmp_path / "measuring.lock", BUSY) as held:
        assert held is False


@pytest.mark.parametrize("number", [errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES], ids=errno.errorcode.get)
def test_a_held_lock_is_somebody_elses(tmp_path, monkeypatch, number):
    answering(monkeypatch, fcntl, "flock", number)
    with pytest.raises(BadInput, match=BUSY), locked(tmp_path / "measuring.lock", BUSY):
        pass


@pytest.mark.parametrize(
    "number", [errno.EPERM, errno.EROFS, errno.EIO, errno.ESTALE, errno.EBADF], ids=errno.errorcode.get
)
def test_a_lock_that_fails_otherwise_says_why(tmp_path, monkeypatch, number):
    answering(monkeypatch, fcntl, "flock", number)
    with pytest.raises(BadInput, match="can't be locked") as caught, locked(tmp_path / "measuring.lock", BUSY):
        pass
    assert os.strerror(number) in str(caught.value)
    assert BUSY not in str(caught.value)


def test_a_signal_while_locking_is_no_failure(tmp_path, monkeypatch):
    answering(monkeypatch, fcntl, "flock", errno.EINTR, times=3)
    with locked(tmp_path / "measuring.lock", BUSY) as held:
        assert held


def test_a_lock_ends_with_its_holder(tmp_path):
    path = tmp_path / "measuring.lock"
    program = f"from pathlib import Path\nfrom harness.files import locked\nwith locked(Path({str(path)!r}), 'x'): print(1, flush=True); input()"
    holder = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    with pytest.raises(BadInput, match=BUSY), locked(path, BUSY):
        pass
    holder.kill()
    holder.communicate()
    with locked(path, BUSY) as held:
        assert held


def test_a_place_that_cannot_be_written_is_not_called_busy(monkeypatch):
    with pytest.raises(BadInput, match="can't be written"), locked(paths.Path("/proc/nowhere/measuring.lock"), BUSY):
        pass


FOLDER = [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF, errno.EROFS]


def is_folder(descriptor):
    return os.path.isdir(f"/proc/self/fd/{descriptor}")  # noqa: PTH112


@pytest.mark.parametrize("number", FOLDER, ids=errno.errorcode.get)
def test_a_folder_that_cannot_be_synced_is_no_failure(tmp_path, monkeypatch, number):
    answering(monkeypatch, os, "fsync", number, is_folder)
    write_bytes(tmp_path / "a", b"whole")
    assert (tmp_path / "a").read_bytes() == b"whole"


@pytest.mark.parametrize("number", [errno.EACCES, errno.EISDIR], ids=errno.errorcode.get)
def test_a_folder_that_cannot_be_opened_is_no_failure(tmp_path, monkeypatch, number):
    answering(monkeypatch, os, "open", number, lambda path, *_: os.path.isdir(path))  # noqa: PTH112
    sync(tmp_path)


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP], ids=errno.errorcode.get)
def test_a_file_system_without_fsync_keeps_what_was_written(tmp_path, monkeypatch, number):
    answering(monkeypatch, os, "fsync", number)
    write_bytes(tmp_path / "a", b"whole")
    assert (tmp_path / "a").read_bytes() == b"whole"


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.EIO, BadInput), (errno.ENOSPC, NotEnoughSpace), (errno.EDQUOT, NotEnoughSpace)]
)
def test_a_disk_that_fails_to_sync_is_a_failure(tmp_path, monkeypatch, number, kind):
    for when in (is_folder, lambda descriptor: not is_folder(descriptor)):
        with monkeypatch.context() as patch:
            answering(patch, os, "fsync", number, when)
            with pytest.raises(kind):
                write_bytes(tmp_path / "a", b"whole")


def test_a_file_system_with_modes_of_its_own_keeps_what_was_written(tmp_path, monkeypatch):
    answering(monkeypatch, os, "chmod", errno.EPERM)
    write_bytes(tmp_path / "a", b"whole")
    assert (tmp_path / "a").read_bytes() == b"whole"


def test_a_digest_is_known_though_it_cannot_be_kept(tmp_path):
    (tmp_path / "model").write_bytes(b"x")
    cache = paths.Path("/proc/nowhere")
    assert digest.cached(tmp_path / "model", cache) == digest.hash_file(tmp_path / "model")


HOMELESS = """
import pwd, sys
def nobody(*_): raise KeyError("uid not found")
pwd.getpwuid = nobody
from harness.cli import main
main(sys.argv[1:])
"""
READING = [
    ["--help"], ["show", "RECORD"], ["show", "RECORD", "--json"], ["recompute", "RECORD"], ["compare", "RECORD", "RECORD"],
    ["export", "RECORD", "--format", "csv"], ["score", "--registry", "HUB"], ["audit", "HUB"], ["doctor"], ["runtime", "list"],
    ["model", "list"], ["suite", "list"],
]  # fmt: skip


@pytest.mark.parametrize("home", ["read-only", "none"])
@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_reading_commands_need_no_place_to_write(simulated_record, home, command):
    known = {"RECORD": str(simulated_record.parent), "HUB": "results/demo-registry"}
    left = {
        name: value
        for name, value in os.environ.items()
        if name not in ("HOME", "USER", "LOGNAME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
    }
    environment = left | ({"HOME": "/proc/nowhere"} if home == "read-only" else {})
    done = subprocess.run(
        [sys.executable, "-c", HOMELESS, *(known.get(word, word) for word in command)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert done.returncode == 0 or (command == ["doctor"] and done.returncode == 3), done.stderr
    assert done.stdout


def test_what_wants_to_write_without_a_home_says_so_in_one_line(monkeypatch):
    monkeypatch.setattr(paths, "below_home", lambda *_: paths.Path("/proc/nowhere/.cache"))
    with pytest.raises(BadInput, match="can't be written"), locked(paths.cache() / "measuring.lock", BUSY):
        pass
    assert paths.keys_folder().name == "keys"
