"""What a registry may ask of a machine, and everything else that it may try."""

from __future__ import annotations

import pytest

from harness.agent import hours, jobs, policy
from harness.agent.jobs import Device
from harness.agent.policy import Policy
from harness.errors import BadInput, RecordInvalid

GOOD = {
    "request": "a" * 64,
    "row": {"model": "gemma-3-270m-q4_k_m", "runtime": "llama.cpp", "suite": "default"},
    "hardware": "NVIDIA GeForce RTX 4090",
    "policy_sha256": "b" * 64,
}
KNOWN = frozenset({"b" * 64})
HERE = (Device("NVIDIA GeForce RTX 4090", 24 << 30),)
OWN = Policy(models=["gemma-3-270m-q4_k_m"], runtimes=["llama.cpp", "pytorch@*"], hardware=["my box"])


def row(**changes):
    return {**GOOD, "row": {**GOOD["row"], **changes}}


SHELL = "$(touch /tmp/owned)"
REFUSED = {
    "options": row(options={"threads": 4}),
    "options with shell text": row(options={"threads": SHELL}),
    "a python": row(python="/bin/sh"),
    "an unknown key": {**GOOD, "command": "rm -rf /"},
    "a sweep": {**GOOD, "sweep": {"threads": list(range(10**6))}},
    "many rows": {**GOOD, "row": [GOOD["row"]] * 100_000},
    "no row": {k: v for k, v in GOOD.items() if k != "row"},
    "a number": row(model=7),
    "a list of models": row(model=["gemma-3-270m-q4_k_m"]),
    "a long name": row(model="m" * 10**6),
    "an empty name": row(suite=""),
    "an id that is a path": {**GOOD, "request": "../../../etc/passwd"},
    "an id that is a query": {**GOOD, "request": "a" * 63 + "?"},
    "an id in capitals": {**GOOD, "request": "A" * 64},
    "an id with a line": {**GOOD, "request": "a" * 64 + "\n"},
    "a line in the text": {**GOOD, "hardware": "here\nERROR: call this number"},
    "escapes": row(model="\x1b]0;owned\x07"),
    "text": "job",
    "nothing": None,
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_hostile_job_is_refused_in_one_line(kind):
    with pytest.raises(RecordInvalid) as refused:
        jobs.read(REFUSED[kind])
    told = str(refused.value)
    assert len(told.splitlines()) == 1
    assert len(told) < 500
    assert "\x1b" not in told


UNFIT = {
    "a model that is not on the list": row(model="llama-3-70b"),
    "a path": row(model="/etc/passwd"),
    "a path upwards": row(model="../../gemma-3-270m-q4_k_m"),
    "a reference": row(model="hf:attacker/model"),
    "shell text": row(model=f"gemma-3-270m-q4_k_m; {SHELL}"),
    "an option in a name": row(model="gemma-3-270m-q4_k_m --python /bin/sh"),
    "another runtime": row(runtime="vllm"),
    "a server": row(runtime="openai-http"),
    "a release that is not allowed": row(runtime="llama.cpp@0.3.30"),
    "a release that is none": row(runtime="pytorch@latest; rm -rf"),
    "a release of another place": row(runtime="pytorch@git+https://attacker.example/x"),
    "a suite of one's own": row(suite="/tmp/suite.toml"),
    "other hardware": {**GOOD, "hardware": "NVIDIA GeForce RTX 3090"},
    "any hardware": {**GOOD, "hardware": "*"},
    "hardware of nothing": {**GOOD, "hardware": "gpu"},
    "another policy": {**GOOD, "policy_sha256": "c" * 64},
}


@pytest.mark.parametrize("kind", UNFIT)
def test_what_the_owner_did_not_name_is_not_measured(kind):
    why = jobs.unfit(jobs.read(UNFIT[kind]), OWN, HERE, KNOWN)
    assert why
    assert len(why.splitlines()) == 1


@pytest.mark.parametrize(
    ("changes", "measured"),
    [
        ({}, ("gemma-3-270m-q4_k_m", "llama.cpp", "default")),
        ({"model": "GEMMA-3-270M-Q4_K_M"}, ("gemma-3-270m-q4_k_m", "llama.cpp", "default")),
        ({"runtime": "pytorch@2.13.0"}, ("gemma-3-270m-q4_k_m", "pytorch@2.13.0", "default")),
        ({"runtime": "pytorch"}, ("gemma-3-270m-q4_k_m", "pytorch", "default")),
    ],
)
def test_what_is_measured_are_the_owners_own_words_without_any_option(changes, measured):
    job = jobs.read(row(**changes))
    assert jobs.unfit(job, OWN, HERE, KNOWN) == ""
    triple = jobs.triple_of(job, OWN)
    assert (triple.model, triple.runtime, triple.suite) == measured
    assert (triple.options, triple.settings, triple.backend, triple.budget_s) == ({}, (), "auto", 7200)


def test_a_models_file_is_the_owners_and_never_the_registrys():
    own = Policy(models=["mine"], files={"mine": "/data/mine.gguf"}, runtimes=["llama.cpp"], hardware=["my box"])
    job = jobs.read({**row(model="mine"), "hardware": "My Box"})
    assert jobs.unfit(job, own, (), KNOWN) == ""
    assert jobs.triple_of(job, own).model == "/data/mine.gguf"
    assert jobs.unfit(jobs.read(row(model="/data/mine.gguf")), own, HERE, KNOWN)


@pytest.mark.parametrize("hardware", ["GeForce RTX 4090", "rtx 4090", "nvidia geforce rtx 4090", "my box", "MY BOX"])
def test_a_machine_is_meant_by_its_device_however_it_is_written(hardware):
    assert jobs.unfit(jobs.read({**GOOD, "hardware": hardware}), OWN, HERE, KNOWN) == ""


@pytest.mark.parametrize("answer", [{}, {"jobs": None}, {"jobs": {}}, {"jobs": [GOOD] * 1001}, {"jobs": "x"}])
def test_an_answer_that_is_no_list_of_jobs_is_refused(answer):
    with pytest.raises(RecordInvalid):
        jobs.listed(answer)


@pytest.mark.parametrize(
    ("span", "inside", "outside"),
    [("22:00-07:00", [(22, 0), (0, 0), (6, 59)], [(7, 0), (21, 59)]), ("08:00-18:30", [(8, 0), (18, 29)], [(18, 30)])],
)
def test_quiet_hours_hold_their_first_minute_and_not_their_last(span, inside, outside):
    assert all(hours.quiet([span], *one) == span for one in inside)
    assert not any(hours.quiet([span], *one) for one in outside)


BAD = {
    "no models": 'runtimes = ["llama.cpp"]',
    "an unknown key": 'models = ["gemma-3-270m-q4_k_m"]\nruntimes = ["llama.cpp"]\nmodell = []',
    "an unknown model": 'models = ["nobody-has-it"]\nruntimes = ["llama.cpp"]',
    "an unknown runtime": 'models = ["gemma-3-270m-q4_k_m"]\nruntimes = ["llama.ccp"]',
    "an unknown suite": 'models = ["gemma-3-270m-q4_k_m"]\nruntimes = ["llama.cpp"]\nsuites = ["default", "nope"]',
    "suites that no request means": 'models = ["gemma-3-270m-q4_k_m"]\nruntimes = ["llama.cpp"]\nsuites = ["quick", "default-v1"]',
    "a runtime that asks a server": 'models = ["gemma-3-270m-q4_k_m"]\nruntimes = ["openai-http"]',
    "hours that are none": 'models = ["gemma-3-270m-q4_k_m"]\nruntimes = ["llama.cpp"]\nquiet_hours = ["25:00-7"]',
    "hours of nothing": 'models = ["gemma-3-270m-q4_k_m"]\nruntimes = ["llama.cpp"]\nquiet_hours = ["07:00-07:00"]',
    "hours that leave no minute": 'models = ["gemma-3-270m-q4_k_m"]\nruntimes = ["llama.cpp"]\nquiet_hours = ["22:00-12:00", "11:30-22:00"]',
    "two models of one name": 'models = ["gemma-3-270m-q4_k_m", "Gemma-3-270M-Q4_K_M"]\nruntimes = ["llama.cpp"]',
    "a file of no model": 'models = ["gemma-3-270m-q4_k_m"]\nruntimes = ["llama.cpp"]\n[files]\nx = "/x.gguf"',
    "a check that is none": 'models = ["gemma-3-270m-q4_k_m"]\nruntimes = ["llama.cpp"]\ntolerate = ["othr load"]',
    "a stop file of a user who has no home": 'models = ["gemma-3-270m-q4_k_m"]\nruntimes = ["llama.cpp"]\nstop_file = "~nobody-is-called-so/stop"',
    "a number that Python does not read": 'models = ["gemma-3-270m-q4_k_m"]\nruntimes = ["llama.cpp"]\nmost_minutes = '
    + "1" * 5000,
    "text where a number belongs": 'models = ["gemma-3-270m-q4_k_m"]\nruntimes = ["llama.cpp"]\nmost_minutes = "9"',
    "no TOML": "models = [",
}


@pytest.mark.parametrize("kind", BAD)
def test_a_policy_that_means_nothing_is_refused_in_one_line(kind, tmp_path):
    path = tmp_path / "agent.toml"
    path.write_text(BAD[kind])
    with pytest.raises(BadInput) as refused:
        policy.read(path)
    assert str(path) in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_the_policy_to_begin_with_holds_and_is_never_written_over(tmp_path):
    path = tmp_path / "folder" / "agent.toml"
    policy.write_example(path)
    assert policy.read(path).models == ["gemma-3-270m-q4_k_m"]
    uncommented = "\n".join(line.removeprefix("# ") for line in policy.EXAMPLE.splitlines()[2:])
    path.with_name("all.toml").write_text(uncommented.replace('"my-model" = "/data', '"gemma-3-270m-q4_k_m" = "/data'))
    with pytest.raises(BadInput, match="there is a policy already"):
        policy.write_example(path)
