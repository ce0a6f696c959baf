"""Bad input as a user gives it: one clear line, exit status 2, nothing half written."""

import json
import os
import re
import subprocess
import sys

import pytest

from harness.record.schema import SCHEMA_VERSION
from tests.e2e.conftest import measured, refused
from tests.support import tiny_gguf
from tests.support.patience import until

UNSET = ("bench", "--runtime", "simulated", "--suite", "quick")
SIMULATED = (*UNSET, "-o", "step_us=50", "-o", "prefill_us=1")
CACHED = (*UNSET, "-o", "step_us=50", "-o", "prefill_us=20", "-o", "fault=cached")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("bench", "--model", "gemma-3"), "did you mean gemma-3-270m-q4_k_m"),
        (("bench", "--runtime", "llamacpp", "--model", "TINY"), "did you mean llama.cpp"),
        (("bench", "--suite", "quik", "--model", "TINY"), "did you mean quick-v1"),
        (("bench", "--suite", "none.toml", "--model", "TINY"), "can't be read"),
        (("bench", "--model", "missing.gguf"), "there is no such file"),
        (("bench", "--model", "EMPTY"), "is empty"),
        (("bench", "--model", "TEXT"), "is not a GGUF file"),
        (("bench", "--model", "CUT"), "it is truncated"),
        (("bench", "--model", "PICKLE"), "is neither a .gguf file nor a folder"),
        (("bench", "--model", "SHARD"), "is one of several shards"),
        (("bench", "--model", "FOLDER"), "the folder holds Python"),
        (("bench", "--model", "~nobody-here/x.gguf"), "must be a path"),
        (("bench", "--model", "x" * 300 + ".gguf"), "File name too long"),
        (("bench", "--model", "TINY", "-o", "thread=2"), "did you mean threads"),
        (("bench", "--model", "TINY", "-o", "threads=0"), "is below 1"),
        (("bench", "--model", "SHORT"), "trained for 128 tokens"),
        (("bench", "--model", "TINY", "-o", "context=100"), "too few: the suite needs"),
        (("bench", "--model", "TINY", "--python", "/no/python"), "there is no such interpreter"),
        (("bench", "--model", "TINY", "--backend", "tpu"), "take one of cpu"),
        (("bench", "--model", "TINY", "--backend", "cuda"), "needs an NVIDIA GPU"),
        (("bench", "--model", "TINY", "--backend", "vulkan"), "needs a GPU"),
        (("bench", "--model", "TINY", "--runtime", "pytorch", "--backend", "cuda"), "needs an NVIDIA GPU"),
        (("bench", "--model", "TINY", "--runtime", "pytorch", "-o", "device=cuda"), "there is no CUDA device"),
        (("bench", "--model", "TINY", "--runtime", "vllm", "--backend", "cuda"), "needs an NVIDIA GPU"),
        (("bench", "--model", "TINY", "-o", "gpu_layers=10"), "there is no GPU"),
        (("bench", "--model", "TINY", "--python", sys.executable, "--backend", "vulkan"), "--python brings a build"),
        ((*SIMULATED, "--model", "TINY", "--backend", "cuda"), "simulated has no builds"),
        (("bench", "--model", "TINY", "-o", "threads=100000"), "threads is too large"),
        (("bench", "--model", "TINY", "-o", "context=30000000"), "context is too large: the model was trained for"),
        ((*SIMULATED, "--model", "TINY", "--registry", "nowhere"), "there is no registry"),
        ((*SIMULATED, "--model", "TINY", "--against", "TEXT"), "is not JSON"),
        ((*SIMULATED, "--model", "TINY", "--challenge", "12"), "64 hexadecimal digits"),
        ((*SIMULATED, "--model", "TINY", "--budget", "99999999999999999999"), "is not in the range"),
        (("keys", "new", "--handle", "somebody", "--passphrase"), "no terminal to ask"),
        (("bench", "--processes", "0"), "0 is not in the range"),
        (("bench", "--colour"), "No such option"),
        (("benhc",), "did you mean bench"),
        (("show", "none"), "there is no record"),
        (("show", "TEXT"), "is not JSON"),
        (("compare", "none", "none"), "there is no record"),
        (("export", "none"), "there is no record"),
        (("recompute", "none"), "there is no record"),
        (("suite", "show", "nothing"), "no suite is called"),
        (("model", "show", "nothing"), "no model is called"),
        (("model", "verify", "gemma-3-270m-q4_k_m"), "repro model fetch"),
        (("runtime", "install", "nothing"), "no runtime is called"),
        (("runtime", "remove", "llama.cpp"), "is not installed"),
        ((*SIMULATED, "--model", "TINY", "--resume"), "no unfinished run"),
    ],
)
def test_one_line_says_what_where_and_how_to_mend_it(repro, tiny, tmp_path, arguments, words):
    (tmp_path / "empty.gguf").touch()
    (tmp_path / "text.gguf").write_text("hello\n" * 100)
    (tmp_path / "cut.gguf").write_bytes(tiny.read_bytes()[:-100])
    (tmp_path / "model.bin").write_bytes(b"x")
    (tmp_path / "short.gguf").write_bytes(tiny_gguf.build())
    (tmp_path / "shard.gguf").write_bytes(tiny_gguf.build({**tiny_gguf.LONG, "split.count": 3}))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "modeling.py").touch()
    names = {"TINY": "tiny.gguf", "EMPTY": "empty.gguf", "TEXT": "text.gguf", "CUT": "cut.gguf", "PICKLE": "model.bin"}
    names |= {"SHORT": "short.gguf", "SHARD": "shard.gguf", "FOLDER": "folder"}
    line = refused(repro(*(names.get(word, word) for word in arguments)))
    assert words in line
    assert not repro.records()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("garbage", "pipe carries garbage"),
        ("short", "no valid trial of decode-128: token-count: 127 of 128"),
    ],
)
def test_a_worker_that_talks_nonsense_ends_the_run_in_one_line_without_a_record(repro, tiny, fault, words):
    done = repro(*SIMULATED, "--model", tiny, "-o", f"fault={fault}", "-o", "fault_at=4")
    assert words in refused(done, 3)
    assert not repro.records()


@pytest.mark.parametrize(
    ("fault", "words", "reason", "stage"),
    [
        ("no-memory", "out of memory", "out_of_memory", "warm-up"),
        ("load-error", "out of memory while loading", "out_of_memory", "load"),
        ("crash", "killed by SIGABRT", "engine_crashed", "warm-up"),
        ("kill", "killed by SIGKILL", "killed", "warm-up"),
    ],
)
def test_a_runtime_that_fails_ends_in_one_line_and_a_record_without_a_number(repro, tiny, fault, words, reason, stage):
    done = repro(*SIMULATED, "--model", tiny, "-o", f"fault={fault}", "-o", "fault_at=1", "--json")
    line = refused(done, 3)
    assert words in line
    assert "recorded in results/" in line
    record = json.loads(done.stdout)
    assert record["schema_version"] == SCHEMA_VERSION
    assert (record["outcome"]["reason"], record["outcome"]["stage"]) == (reason, stage)
    assert record["results"] == record["processes"] == record["checks"] == []
    assert record["samples"]["rows"] == 0
    assert record["outcome"]["given"]["fault"] == fault
    (path,) = repro.records()
    shown = repro("show", path.parent)
    assert shown.returncode == 0, shown.stderr
    assert "does not run here" in shown.stdout
    for command in (("recompute", path.parent), ("compare", path.parent, path.parent), ("score", path.parent)):
        assert "holds no number" in refused(repro(*command))
    runs = json.loads(repro("runs", "--json").stdout)
    assert [(one["outcome"], one["stage"]) for one in runs] == [(reason, stage)]


def test_a_crash_costs_one_process_only_and_the_record_says_so(repro, tiny, tmp_path):
    flag = tmp_path / "struck"
    done = repro(*SIMULATED, "--model", tiny, "--processes", "3", "--json", "-o", "fault=kill", "-o", "fault_at=9",
                 "-o", f"fault_flag={flag}")  # fmt: skip
    measured(done)
    record = json.loads(done.stdout)
    assert len(record["processes"]) == 3
    (lost,) = record["run"]["failed_processes"]
    assert lost["index"] == 0
    assert re.fullmatch(
        "killed by SIGKILL after (trial|warm)", lost["reason"]
    )  # how long it warms up, the machine decides
    assert "process_failed" in {finding["code"] for finding in record["findings"]}
    frame = __import__("pandas").read_parquet(repro.records()[0].parent / "samples.parquet")
    rows = frame[frame.process == 0]
    assert len(rows) == 9
    assert rows.invalid_reason.str.startswith("process-failed").all()


def test_a_runtime_that_keeps_its_prompts_is_found_out(repro, tiny):
    done = repro(*CACHED, "--model", tiny, "--processes", "3", "--json")
    assert done.returncode == 4, done.stderr
    assert "FAILED CHECKS: prefill_complete, cache_honesty" in done.stderr
    assert "do not use this number" in done.stderr
    record = json.loads(done.stdout)
    failed = {check["code"] for check in record["checks"] if check["status"] == "fail"}
    assert {"cache_honesty", "prefill_complete"} <= failed
    assert "invalid" in {finding["severity"] for finding in record["findings"]}


def test_a_cache_that_can_not_be_written_is_one_line(repro, tiny, tmp_path):
    (tmp_path / "cache").write_text("a file")
    assert "can't be written" in refused(repro(*SIMULATED, "--model", tiny))


def test_results_that_can_not_be_written_are_noticed_before_measuring(repro, tiny, tmp_path):
    (tmp_path / "file").touch()
    assert "can't be written" in refused(repro(*SIMULATED, "--model", tiny, "--results", "file"))
    if os.geteuid() != 0:  # root may write anywhere
        (tmp_path / "locked").mkdir(mode=0o500)
        assert "can't be written" in refused(repro(*SIMULATED, "--model", tiny, "--results", "locked"))


def test_two_measurements_never_share_the_machine(repro, tiny):
    first = repro.start(*UNSET, "-o", "prefill_us=1", "--model", tiny, "-o", "step_us=3000")
    try:
        lock = repro.folder / "cache" / "repro-harness" / "measuring.lock"
        until(lambda: lock.exists() and repro.results.exists(), "a run that has begun")
        assert "another measurement is running" in refused(repro(*SIMULATED, "--model", tiny))
    finally:
        first.kill()
        first.communicate()


def test_a_record_from_a_newer_schema_and_a_changed_one_are_refused(repro, simulated_record, tmp_path):
    from harness.record.canonical import canonical

    value = json.loads(simulated_record.read_bytes())
    value["predicate"]["schema_version"] = "2.0"
    (tmp_path / "newer.json").write_bytes(canonical(value))
    assert "update repro-harness" in refused(repro("show", "newer.json"))
    (tmp_path / "edited.json").write_bytes(simulated_record.read_bytes().replace(b'"seed":', b'"seed": ', 1))
    assert "not canonical" in refused(repro("show", "edited.json"))


def started(repro):
    """Whether a worker was ever started: a refusal comes before that."""
    return (repro.folder / "cache" / "repro-harness" / "worker-home").exists()


def test_another_model_s_record_is_refused_before_measuring(repro, tiny, simulated_record, tmp_path):
    (tmp_path / "other.gguf").write_bytes(tiny_gguf.build({**tiny_gguf.LONG, "general.name": "another"}))
    done = repro(*SIMULATED, "--model", "other.gguf", "--against", simulated_record)
    assert "not comparable" in refused(done)
    assert not started(repro)


def test_a_full_disk_is_noticed_before_measuring(repro, tiny):
    program = (
        "import collections, shutil; from harness.cli import main; "
        "shutil.disk_usage = lambda _: collections.namedtuple('U', 'total used free')(9, 9, 1 << 20); main()"
    )
    arguments = [*SIMULATED, "--model", str(tiny)]
    done = subprocess.run([sys.executable, "-c", program, *arguments], env=repro.environment, cwd=repro.folder,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert "name another --results" in refused(done)
    assert not started(repro)


def test_the_verdict_is_in_the_json_too(repro, tiny, simulated_record):
    done = repro(*SIMULATED, "--model", tiny, "--processes", "3", "--against", simulated_record, "--json")
    measured(done)
    held = json.loads(done.stdout)["against"]
    row = next(r for r in held["rows"] if (r["workload"], r["metric"]) == ("decode-128", "decode_rate"))
    if done.returncode == 4:  # a busy machine spoiled a check: then nothing is compared
        assert row["comparison"]["verdict"] == "not_comparable"
        return
    assert row["comparison"]["verdict"] in ("same", "faster", "slower", "cannot_tell")
    assert row["comparison"]["ratio"] > 0
    assert held["path"].endswith("record.json")


def test_a_record_with_failed_checks_says_so_first_wherever_it_is_shown(repro, tiny):
    done = repro(*CACHED, "--model", tiny, "--processes", "1")
    assert done.returncode == 4
    words = "do not use this number"
    assert words in done.stdout.splitlines()[0]
    assert "repro submit" not in done.stdout
    shown = repro("show", repro.records()[0])
    assert words in shown.stdout.splitlines()[0]
    assert "not to be used" in refused(repro(*SIMULATED, "--model", tiny, "--against", repro.records()[0]))


@pytest.mark.parametrize("name", ["glibc", "hypervisor", "battery", "linux"])
def test_a_user_named_like_something_public_can_measure(repro, tiny, name):
    done = repro(*SIMULATED, "--model", tiny, "--processes", "1", "--json", USER=name, LOGNAME=name)
    measured(done)


@pytest.mark.parametrize(
    ("option", "variables", "words"),
    [
        ("fault_flag=/srv/canary-7f3a/flag", {}, "options.fault_flag; change that option"),
        ("threads=1", {"GOMP_NAME": "zanzibarian"}, "variables.GOMP_NAME; unset that variable"),
    ],
)
def test_a_leak_is_refused_before_anything_is_measured(repro, tiny, option, variables, words):
    user = variables.get("GOMP_NAME", "canary-7f3a")
    assert words in refused(repro(*SIMULATED, "--model", tiny, "-o", option, USER=user, LOGNAME=user, **variables))
    assert not started(repro)


def test_a_model_named_after_its_user_is_refused_before_anything_is_measured(repro, tiny, tmp_path):
    tiny.rename(tmp_path / "zanzibarian-finetune.gguf")
    done = repro(*SIMULATED, "--model", "zanzibarian-finetune.gguf", USER="zanzibarian", LOGNAME="zanzibarian")
    assert "rename the model" in refused(done)
    assert not started(repro)


def test_resume_says_in_what_the_unfinished_run_differs(repro, tiny):
    running = repro.start(*UNSET, "-o", "prefill_us=1", "--model", tiny, "-o", "step_us=3000")
    until(lambda: list(repro.results.glob(".partial/*/process-*.frames")), "its first process")
    running.kill()
    running.communicate()
    line = refused(repro(*UNSET, "-o", "prefill_us=1", "--model", tiny, "-o", "step_us=2999", "--resume"))
    assert "the one that is most like it has another option step_us" in line
    for head in repro.results.glob(".partial/*/run.json"):
        head.write_text("{")
    line = refused(repro(*UNSET, "-o", "prefill_us=1", "--model", tiny, "-o", "step_us=3000", "--resume"))
    assert "damaged (run.json)" in line


@pytest.mark.parametrize("runtime", ["ollama", "openai-http"])
def test_a_server_that_is_not_there_is_told_before_a_model_is_fetched_or_an_engine_built(repro, runtime):
    done = repro("bench", "--model", "smollm2-135m-instruct-q4_1", "--runtime", runtime, "-o", "url=http://127.0.0.1:9")
    assert "127.0.0.1:9" in refused(done)
    assert not any((repro.folder / "cache").rglob("*.gguf"))
    assert not any((repro.folder / "cache").rglob("bin/python"))


def test_a_check_of_an_adapter_writes_no_record_and_asks_for_no_place_for_one(repro, tiny):
    repro.results.touch()  # a file: no folder of that name can be made
    done = repro("runtime", "check", "simulated", "--model", tiny)
    assert done.returncode == 0, done.stderr
    assert "pass" in done.stdout
    assert not repro.results.read_bytes()
