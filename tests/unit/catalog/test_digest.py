"""Digests are read once for a file, and anew when it changed."""

from hashlib import sha256

from harness.catalog import digest


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
    digest.hash_file(path, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (10_000_000, 10_000_000)
    assert len(seen) > 1
