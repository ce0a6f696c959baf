"""`repro bench` with lists, and a matrix's `[sweep]`: every combination a record, what fails left out, what is stopped resumed."""

import json
import re
import signal
import threading
import time
from pathlib import Path

from tests.e2e.conftest import measured, refused
from tests.support import model_server
from tests.support.patience import PATIENCE_S

SMALL = Path(__file__).parents[1] / "data" / "small-v1.toml"
FAST = ("bench", "--runtime", "simulated", "--suite", SMALL, "--processes", "3")


def test_a_sweep_finds_the_order_of_its_cells_while_the_machine_slows_down(repro, tiny):
    """A step is three times as long in two cells, and every process is 2 % slower than the one before."""
    ambient = repro.folder / "ambient"
    done = repro(
        *FAST, "--model", tiny, "-o", "step_us=500,1500", "-o", "threads=1,2", "-o", "ambient_ppm=20000",
        "-o", f"ambient_file={ambient}", "-o", "between_ppm=1000", "--json",
    )  # fmt: skip
    measured(done)
    found = json.loads(done.stdout)
    assert len(repro.records()) == 4
    assert [cell["settings"] for cell in found["cells"]] == [
        {"step_us": step, "threads": threads} for step in ("500", "1500") for threads in ("1", "2")
    ]
    assert [axis["name"] for axis in found["sweep"]["axes"]] == ["step_us", "threads"]
    points = found["sweep"]["series"][0]["points"]
    assert min(points[0]["value"], points[1]["value"]) > max(points[2]["value"], points[3]["value"])
    assert ambient.stat().st_size >= 12  # the processes took turns on one machine
    assert not (repro.results / ".sweep").exists()
    assert not (repro.results / ".partial").exists()


def test_a_cell_that_fails_to_load_is_recorded_and_the_others_go_on(repro, tiny):
    done = repro(*FAST, "--model", tiny, "-o", "fault=none,load-error")
    assert done.returncode == 3, done.stderr
    assert len(repro.records()) == 2
    assert "fault=load-error: " in done.stdout
    assert "out of memory while loading" in done.stdout
    if "FAILED CHECKS" not in done.stderr:  # a busy machine may spoil one, and then no cell has such a number
        assert re.search(r"decode: fault=none with .* tok/s; no other cell has a number that may be used", done.stdout)
    again = repro(*FAST, "--model", tiny, "-o", "fault=none,load-error", "--resume")
    assert again.returncode == 3
    assert len(repro.records()) == 3  # what is done is kept, what failed is tried again


def test_an_interrupted_sweep_is_resumed(repro, tiny):
    run = (*FAST, "--model", tiny, "-o", "step_us=5000,5100")
    running = repro.start(*run)
    deadline = time.monotonic() + PATIENCE_S
    while not list(repro.results.glob(".partial/*/process-001.frames")) and time.monotonic() < deadline:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 130, said
    assert "--resume" in said.splitlines()[-1]
    assert not repro.records()
    before = {path: path.read_bytes() for path in repro.results.glob(".partial/*/process-000.frames")}
    assert len(before) == 2
    done = repro(*run, "--resume", "--json")
    measured(done)
    records = [json.loads(path.read_text())["predicate"] for path in repro.records()]
    assert len(records) == 2
    assert all(record["run"]["resumed"] for record in records)
    assert all(len(record["processes"]) == 3 for record in records)
    assert not (repro.results / ".partial").exists()
    assert "no unfinished sweep" in refused(repro(*run, "--resume"))


def test_a_matrix_may_hold_a_sweep(repro, tiny):
    path = repro.folder / "matrix.toml"
    path.write_text(
        f"""
name = "swept"
[[triples]]
model = "{tiny}"
runtime = "simulated"
suite = "{SMALL}"
processes = 1
options = {{ step_us = 500 }}
[sweep]
model = "{tiny}"
runtime = "simulated"
suite = "{SMALL}"
processes = 1
[sweep.options]
step_us = [500, 1000]
"""
    )
    summary = repro.folder / "summary.md"
    done = repro("matrix", "run", path, "--summary", summary)
    measured(done)
    assert len(repro.records()) == 3
    if done.returncode == 0:  # a busy machine may spoil a check, and then there may be no two to compare
        assert "the best is step_us=500" in done.stdout
    assert summary.read_text().count("simulated") == 3
    assert not (repro.results / ".matrix").exists()


def test_bad_sweeps_are_refused_in_one_line_before_anything_is_measured(repro, tiny):
    base = ("bench", "--runtime", "simulated", "--model", tiny)
    assert "'x' is not a whole number" in refused(repro(*base, "-o", "step_us=1,x"))
    assert "1,000,000 combinations" in refused(repro(*base, "-o", "step_us=1-1000000"))
    assert "given twice" in refused(repro(*base, "-o", "threads=1,2,1"))
    assert "too large" in refused(repro(*base, "-o", "threads=1,100000"))
    assert "for one run" in refused(repro(*base, "-o", "threads=1,2", "--challenge", "0" * 64))
    assert "for one run" in refused(repro(*base, "-o", "threads=1,2", "--registry", "there"))
    assert "no unfinished sweep" in refused(repro(*base, "-o", "threads=1,2", "--resume", REPRO_REGISTRY="there"))
    head = f'name = "x"\n[sweep]\nmodel = "{tiny}"\nruntime = "simulated"\n'
    matrix = repro.folder / "bad.toml"
    for text, said in (
        ("[sweep.options]\nthreads = [1, 1]\n", "twice"),
        ("[sweep.options]\nthreads = [1, '1']\n", "two combinations mean the same: threads=1"),
        ("[sweep.options]\nprefix_cache = [true, 'on']\n", "two combinations mean the same"),
        ("[sweep.options]\nthreads = 1\n", "several values"),
        ("[sweep.options]\nthreads = []\n", "no value"),
        ("[sweep.options]\nthreads = [1, 'x']\n", "'x' is not a whole number"),
        ("[sweep.options]\nnone = [1, 2]\n", "no option"),
        ("", "options"),
        (f"[sweep.options]\nthreads = {list(range(1, 1000))}\nseed = {list(range(1001))}\n", "999,999 combinations"),
    ):
        matrix.write_text(head + text)
        assert said in refused(repro("matrix", "run", matrix)), said
    secrets = "[sweep.options]\napi_key_env = ['ONE', 'TWO']\n"
    matrix.write_text(head.replace("simulated", "openai-http") + secrets)
    assert "a secret can't be swept" in refused(repro("matrix", "run", matrix))
    assert not repro.records()
    assert not repro.results.exists() or not any(repro.results.iterdir())


def test_a_server_that_dies_in_mid_sweep_leaves_what_was_measured(repro, tiny):
    with model_server.serving(step_s=0.0005) as (url, double):
        run = ("bench", "--runtime", "openai-http", "--model", tiny, "--suite", SMALL, "--processes", "2",
               "-o", f"url={url}", "-o", "context=512,1024", "-o", "vouch=true")  # fmt: skip

        def die_after_the_first_round():
            while not list(repro.results.glob(".partial/*/process-001.frames")):
                time.sleep(0.02)
            double.behaviour.cut_after = 1

        watcher = threading.Thread(target=die_after_the_first_round, daemon=True)
        watcher.start()
        done = repro(*run)
        watcher.join(PATIENCE_S)
        assert done.returncode == 3, (done.stdout, done.stderr)
        assert not repro.records()
        assert done.stderr.count("--resume continues with them") >= 2
        assert len(list(repro.results.glob(".partial/*/process-000.frames"))) == 2
        double.behaviour.cut_after = None
        again = repro(*run, "--resume")
        measured(again)
        assert len(repro.records()) == 2


def test_a_matrix_that_is_started_afresh_takes_nothing_of_an_earlier_start(repro, tiny):
    path = repro.folder / "matrix.toml"
    path.write_text(
        f'name = "swept"\n[sweep]\nmodel = "{tiny}"\nruntime = "simulated"\nsuite = "{SMALL}"\nprocesses = 1\n'
        '[sweep.options]\nfault = ["none", "load-error"]\n'
    )
    assert repro("matrix", "run", path).returncode == 3
    assert len(repro.records()) == 2
    assert repro("matrix", "run", path, "--resume").returncode == 3
    assert len(repro.records()) == 3  # the failure again
    assert repro("matrix", "run", path).returncode == 3
    assert len(repro.records()) == 5
