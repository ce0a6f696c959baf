"""Several requests at once: throughput against a truth that is known, and its curve."""

import pytest

from harness.record.store import read
from tests.e2e.conftest import measured


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
