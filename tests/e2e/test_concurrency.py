"""Several requests at once: throughput against a truth that is known, and its curve; depths and conversations beside it."""

import pytest

from harness.record.store import read
from tests.e2e.conftest import measured, refused


@pytest.mark.alone
def test_throughput_is_that_of_all_requests(repro, tiny):
    settings = ("step_us=1000", "prefill_us=1", "seed=5", "between_ppm=0", "within_ppm=0")
    options = [part for text in settings for part in ("-o", text)]
    done = repro(
        "bench", "--model", tiny, "--runtime", "simulated", "--suite", "concurrency", "--processes", "1", *options
    )
    measured(done)
    record = read(repro.records()[0]).record
    for concurrency in (1, 2, 4, 8):
        found = record.result(f"batch-{concurrency}", "throughput")
        truth = concurrency * 1000 / (1 + 0.1 * (concurrency - 1))
        # A busy machine can only be slower than the truth.
        assert 0.7 * truth < found.estimate.point / 1e6 <= 1.001 * truth
        workload = next(w for w in record.workloads if w.id == f"batch-{concurrency}")
        assert workload.concurrency == concurrency
    assert record.result("decode-64", "throughput") is None
    rows = {r.workload: r for r in record.results}
    assert rows["batch-8"].timed == 8 * rows["batch-1"].timed
    assert "Throughput by requests at once" in done.stdout
    assert repro("recompute", repro.records()[0].parent).returncode == 0


@pytest.mark.parametrize("concurrency", ["0", "-1", '"two"'])
def test_a_bad_number_of_requests_is_refused(repro, tiny, concurrency):
    from harness.catalog.suites import load

    text = load("concurrency").path.read_text().replace("concurrency = 2", f"concurrency = {concurrency}")
    path = repro.folder / "suite.toml"
    path.write_text(text)
    done = repro("bench", "--model", tiny, "--runtime", "simulated", "--suite", path)
    assert done.returncode == 2
    assert "concurrency" in done.stderr


def test_depths_beyond_the_models_training_are_left_out_and_the_record_says_so(repro, tiny):
    options = ("-o", "step_us=50", "-o", "prefill_us=0", "-o", "seed=5")
    measured(
        repro("bench", "--model", tiny, "--runtime", "simulated", "--suite", "depth", "--processes", "1", *options)
    )
    record = read(repro.records()[0]).record
    trained = record.model["context_trained"]
    kept = {workload.depth or 0 for workload in record.workloads}
    assert kept == {depth for depth in (0, 1024, 4096, 16384, 32768) if depth + 512 <= trained or not depth}
    (finding,) = [finding for finding in record.findings if finding.code == "left_out"]
    assert f"the model was trained for {trained:,} tokens" in finding.text
    assert repro("verify", repro.records()[0].parent).returncode in (0, 2)  # a simulation is not signed
    assert repro("recompute", repro.records()[0].parent).returncode == 0


def test_a_conversation_with_its_cache_and_without_is_never_compared(repro, tiny):
    options = ("-o", "step_us=50", "-o", "prefill_us=1", "-o", "seed=5")
    command = ("bench", "--model", tiny, "--runtime", "simulated", "--suite", "agent", "--processes", "1", *options)
    for more in ((), ("-o", "prefix_cache=off")):
        measured(repro(*command, *more))
    cached, whole = (read(path).record for path in repro.records())
    turn = next(workload for workload in cached.workloads if workload.id == "turn-5")
    assert (turn.depth, turn.prompt_tokens) == (1536, 192)
    turn = next(workload for workload in whole.workloads if workload.id == "turn-5")
    assert (turn.depth, turn.prompt_tokens) == (None, 1536 + 192)
    assert "no_prefix_cache" in {finding.code for finding in whole.findings}
    assert cached.runtime.settings["prefix_cache"] is True
    done = repro("compare", *(path.parent for path in repro.records()))
    rows = [line for line in done.stdout.splitlines() if line.startswith("turn-")]
    assert len(rows) >= 15
    assert all("not comparable (differs in" in row for row in rows)


def test_a_prefix_cache_without_a_conversation_is_refused(repro, tiny):
    done = repro("bench", "--model", tiny, "--runtime", "simulated", "--suite", "quick", "-o", "prefix_cache=on")
    assert "no conversation" in refused(done)
