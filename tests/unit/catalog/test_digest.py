"""Digests are read once for a file, and again when it changed, however its times were put back."""

import os
from hashlib import sha256

import pytest

from harness.catalog import digest
from harness.errors import BadInput, RunFailed
from harness.progress import SILENT
from harness.run.prepare import unchanged


def of(data):
    return sha256(data).hexdigest()


def test_a_file_is_hashed_once_and_again_when_it_changed(tmp_path, monkeypatch):
    path, cache = tmp_path / "f", tmp_path / "cache"
    path.write_bytes(b"one")
    assert digest.cached(path, cache) == sha256(b"one").hexdigest()
    reads = []
    monkeypatch.setattr(digest, "hash_file", lambda *a: reads.append(a) or "0" * 64)
    assert digest.cached(path, cache) == sha256(b"one").hexdigest()
    assert not reads
    path.write_bytes(b"other")
    assert digest.cached(path, cache) == "0" * 64
    assert len(reads) == 1


def test_a_damaged_cache_is_ignored_and_mended(tmp_path):
    path, cache = tmp_path / "f", tmp_path / "cache"
    path.write_bytes(b"one")
    cache.mkdir()
    (cache / "digests.json").write_text('{"x": 1')
    assert digest.cached(path, cache) == sha256(b"one").hexdigest()
    assert digest._load(cache / "digests.json")


def test_progress_reaches_the_size(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"x" * 10_000_000)
    seen = []

    class Kept(type(SILENT)):
        def advance(self, text, done, total):
            seen.append((text, done, total))

    digest.hash_file(path, Kept())
    assert seen[-1] == ("checking the digest", 10_000_000, 10_000_000)
    assert len(seen) > 1


def test_a_change_of_the_same_size_with_the_old_time_put_back_is_seen(tmp_path):
    path, cache = tmp_path / "f", tmp_path / "cache"
    for number in range(5):  # right after the reading, too
        old, new = b"%d one" % number, b"%d two" % number
        path.write_bytes(old)
        assert digest.cached(path, cache) == of(old)
        times = path.stat()
        with path.open("r+b") as file:
            file.write(new)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert path.stat().st_size == times.st_size
        assert digest.cached(path, cache) == of(new)


def test_another_file_moved_into_the_place_with_the_old_time_is_seen(tmp_path):
    path, other, cache = tmp_path / "f", tmp_path / "g", tmp_path / "cache"
    path.write_bytes(b"one")
    assert digest.cached(path, cache) == of(b"one")
    times = path.stat()
    other.write_bytes(b"two")
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    other.replace(path)
    assert digest.cached(path, cache) == of(b"two")


def test_what_earlier_versions_kept_without_the_inodes_time_is_not_believed(tmp_path):
    path, cache = tmp_path / "f", tmp_path / "cache"
    path.write_bytes(b"one")
    facts = path.stat()
    cache.mkdir()
    old = f"{facts.st_dev}:{facts.st_ino}:{facts.st_mtime_ns}:{facts.st_size}"
    (cache / "digests.json").write_text(f'{{"{old}": "{"0" * 64}"}}')
    assert digest.cached(path, cache) == of(b"one")
    assert old not in digest._load(cache / "digests.json")


def test_a_file_that_grows_while_it_is_read_is_read_again_or_refused(tmp_path, monkeypatch):
    path, cache = tmp_path / "f", tmp_path / "cache"
    path.write_bytes(b"one")
    real, left = digest.hash_file, [1]

    def slow(path, progress=None):
        found = real(path, progress)
        if left and left.pop():
            path.write_bytes(path.read_bytes() + b" more")
        return found

    monkeypatch.setattr(digest, "hash_file", slow)
    assert digest.cached(path, cache) == of(b"one more")
    left += [1, 1]
    path.write_bytes(b"two")
    with pytest.raises(BadInput, match="changes while it is read"):
        digest.cached(path, cache)


def test_a_model_that_is_replaced_after_it_was_hashed_is_refused(tmp_path):
    path = tmp_path / "m.gguf"
    path.write_bytes(b"one")
    states, digests = unchanged.look(path), {"m.gguf": of(b"one")}
    unchanged.refuse_changed(path, states, digests)
    path.chmod(0o600)  # another state, the same content
    unchanged.refuse_changed(path, states, digests)
    path.write_bytes(b"two")
    with pytest.raises(RunFailed, match="changed since its digest was taken"):
        unchanged.refuse_changed(path, states, digests)
    path.unlink()
    with pytest.raises(RunFailed, match="or was replaced"):
        unchanged.refuse_changed(path, states, digests)


def test_of_a_folder_only_the_files_of_the_model_must_stay(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"one")
    (tmp_path / "notes.txt").write_bytes(b"x")
    digests = {"model.safetensors": of(b"one")}
    states = unchanged.only(unchanged.look(tmp_path), digests)
    (tmp_path / "notes.txt").write_bytes(b"y")
    unchanged.refuse_changed(tmp_path, states, digests)
    (tmp_path / "model.safetensors").write_bytes(b"two")
    with pytest.raises(RunFailed, match=r"model\.safetensors"):
        unchanged.refuse_changed(tmp_path, states, digests)
