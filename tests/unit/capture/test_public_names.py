"""The privacy gate: public words pass where public names stand, a person's or a machine's name passes nowhere."""

import json

import pytest

from harness.capture import privacy, public_names, snapshot
from harness.catalog import suites
from harness.errors import RecordInvalid
from harness.run.prepare import gate
from harness.worker.frames import Frame

DOCUMENT = {
    "model": {"name": "gemma-3-270m", "file": "mistral-7b.gguf", "architecture": "gemma3", "licence": "Gemma Terms of Use"},
    "environment": {
        "cpu": {"model": {"value": "AMD Ryzen Threadripper PRO 5995WX", "reason": None}, "flags": {"value": ["hypervisor"]}},
        "host": {"libc": {"value": "glibc 2.36"}, "os": {"value": "Debian GNU/Linux 12"},
                 "kernel": {"value": "5.15.0-1053-azure"}, "on_battery": {"reason": "no battery is shown"}},
        "gpu": {"nvidia": {"value": [{"name": {"value": "NVIDIA GeForce RTX 4090"}}]}},
        "software": {"packages": {"nvidia-curand": "10.3.9.90", "pydantic": "2.1"}},
    },
    "runtime": {"package": "llama-cpp-python 0.3.36", "devices": [{"name": "CPU", "description": "Intel Xeon Platinum"}]},
    "derived": {"peak_arithmetic": {"formula": "2 cores × 6.5 GHz, the fastest on sale is assumed"}},
}  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["glibc", "debian", "azure", "mistral", "threadripper", "geforce", "pydantic", "xeon", "python", "platinum", "hypervisor",
     "battery", "fastest", "terms", "10.3.9.90", "gemma3", "root", "ubuntu", "linux", "amd", "intel", "gemma", "llama", "cpu",
     "user", "test", "a", "x86", "localhost"],
)  # fmt: skip
def test_a_user_or_host_named_like_something_public_stops_nobody(name):
    sought = {name} if len(name) >= privacy.LEAST_LENGTH else set()
    assert privacy.leaks(DOCUMENT, sought) == []


@pytest.mark.parametrize(
    ("place", "document"),
    [
        ("runtime.options.fault_flag", {"runtime": {"options": {"fault_flag": "/srv/NAME/x"}}}),
        ("runtime.variables.VLLM_X", {"runtime": {"variables": {"VLLM_X": "NAME"}}}),
        ("operator.note", {"operator": {"note": "NAME"}}),
        ("run.stop_rule", {"run": {"stop_rule": "by NAME"}}),
        ("workloads[0].title", {"workloads": [{"title": "of NAME"}]}),
    ],
)
def test_a_public_word_is_an_identifier_outside_the_fields_of_public_names(place, document):
    text = json.dumps(document).replace("NAME", "glibc")
    assert privacy.leaks(json.loads(text), {"glibc"}) == [place]


def places(value, path=()):
    """The path to every text of a document."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(item, (*path, key))


@pytest.mark.parametrize("canary", ["canaryuser7f3a", "canary-host-7f3a", "/home/canary7f3a"])
def test_a_unique_name_is_found_wherever_it_stands(canary):
    for path in places(DOCUMENT):
        planted = json.loads(json.dumps(DOCUMENT))
        where = planted
        for step in path[:-1]:
            where = where[step]
        where[path[-1]] = f"{where[path[-1]]} of {canary.upper()}"
        assert len(privacy.leaks(planted, {canary})) == 1, path


def test_a_handle_is_published_on_purpose():
    assert privacy.leaks({"operator": {"handle": "charlie"}}, {"charlie"}) == []
    assert privacy.leaks({"operator": {"handle": "x", "charlie": 1}}, {"charlie"}) == ["operator.charlie"]


def test_a_compound_of_public_words_is_public_and_a_number_alone_is_not():
    assert public_names.is_public("ubuntu-server")
    assert public_names.is_public("qwen3-coder")
    assert not public_names.is_public("ubuntu-zanzibar")
    assert not public_names.is_public("10-0")


def test_this_machine_s_own_facts_pass_for_every_word_in_them(monkeypatch):
    document = {"environment": snapshot.capture().to_json()}
    for name in ("GLIBC", "intel_pstate", "management", "library", "seconds"):
        monkeypatch.setenv("USER", name)
        assert privacy.leaks(document, {name.lower()}) == [], name


def test_the_gate_is_tried_on_what_an_engine_says_before_its_first_trial(monkeypatch):
    monkeypatch.setenv("USER", "canary-7f3a")
    suite = suites.load("quick")
    gate.admit(Frame("loaded", {"facts": {"engine": "llama.cpp", "device_ids": ["canary-7f3a"]}}), suite)
    with pytest.raises(RecordInvalid, match=r"runtime\.model\.description"):
        gate.admit(Frame("loaded", {"facts": {"model": {"description": "by canary-7f3a"}}}), suite)
    with pytest.raises(RecordInvalid, match="environment without that package"):
        gate.admit(Frame("hello", {"packages": {"canary-7f3a": "1.0"}}), suite)


def test_a_suite_of_one_s_own_gives_no_vocabulary(monkeypatch, tmp_path):
    text = suites.load("quick").path.read_text()
    own = tmp_path / "own.toml"
    title = next(w.title for w in suites.load("quick").suite.workloads)
    own.write_text(text.replace(title, "of canary-7f3a", 1))
    monkeypatch.setenv("USER", "canary-7f3a")
    suite = suites.load(str(own))
    with pytest.raises(RecordInvalid, match="workloads"):
        gate.refuse_identifiers(gate.parts_of(suite, {}, {}), suite)
