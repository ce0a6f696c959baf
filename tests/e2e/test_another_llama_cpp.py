"""Another release of llama.cpp than the pinned one, from the real index, built and measured. Minutes: asked for with `-m slow`."""

import re

import pytest

from harness import read_record
from harness.catalog.versions import series_of
from harness.run.prepare import lock_file
from tests.e2e.conftest import Repro, measured

RELEASE = "0.3.30"


@pytest.mark.slow
def test_a_release_of_the_real_index_is_built_measured_and_named_by_what_it_says_of_itself(tmp_path):
    repro = Repro(tmp_path)
    words = ("--model", "smollm2-135m-instruct-q4_1", "--suite", "quick", "--backend", "cpu", "--processes", "1")
    words += ("-o", "threads=1", "-o", "load_mode=none")  # three switches in this release
    measured(repro("bench", "--runtime", f"llama.cpp@{RELEASE}", *words))
    (path,) = repro.records()
    found = read_record(path.parent).record.runtime
    assert found.package == f"llama-cpp-python {RELEASE}"
    assert re.fullmatch(r"ggml 0\.15\.\d+", found.version)
    assert series_of(found.version) == "0.15"
    assert found.packages["llama_cpp_python"] == RELEASE
    lock = repro("runtime", "lock", f"llama.cpp@{RELEASE}", "--backend", "cpu").stdout
    assert found.environment["release"] == RELEASE
    assert found.environment["source_sha256"] == lock_file.hashes(dict(lock_file.blocks(lock))["llama-cpp-python"])
    pinned = {name.replace("_", "-"): text.split(" ")[0] for name, text in found.packages.items()}
    assert all(pinned[name] == lock_file.version_of(lock, name) for name, _ in lock_file.blocks(lock))
