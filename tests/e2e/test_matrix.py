"""`repro matrix run`: one failing triple doesn't stop the rest; a stopped matrix is resumed where it was."""

import json
import signal
import time

from tests.e2e.conftest import measured, refused
from tests.support.patience import PATIENCE_S, until

MATRIX = """
name = "three"
title = "Three of them"
[[triples]]
model = "{tiny}"
runtime = "simulated"
suite = "quick"
processes = 1
options = {{ step_us = 100, prefill_us = 1 }}
[[triples]]
model = "{tiny}"
runtime = "simulated"
suite = "quick"
processes = 1
options = {{ fault = "load-error" }}
[[triples]]
model = "{tiny}"
runtime = "simulated"
suite = "quick"
processes = 1
options = {{ step_us = 200, prefill_us = 1 }}
"""


def written(folder, text):
    path = folder / "matrix.toml"
    path.write_text(text)
    return path


def test_one_failing_triple_does_not_stop_the_rest(repro, tiny):
    path = written(repro.folder, MATRIX.format(tiny=tiny))
    summary = repro.folder / "summary.md"
    done = repro("matrix", "run", path, "--summary", summary)
    assert done.returncode == 3, done.stderr
    assert len(repro.records()) == 3  # one of them says that its run failed
    assert "failed" in done.stdout
    text = summary.read_text()
    assert text.startswith("## Three of them")
    assert text.count("| simulated") == 3 or text.count("simulated") == 3
    # Nothing is measured twice: what is done is kept, what failed is tried again.
    again = repro("matrix", "run", path, "--resume", "--json")
    assert again.returncode == 3
    assert len(repro.records()) == 4
    assert [bool(item["record"]) for item in json.loads(again.stdout)] == [True, False, True]


def test_an_interrupted_matrix_is_resumed(repro, tiny):
    slow = MATRIX.replace("step_us = 200", "step_us = 3000").replace(
        'options = {{ fault = "load-error" }}\n', "budget_s = 99\n"
    )
    path = written(repro.folder, slow.format(tiny=tiny))
    running = repro.start("matrix", "run", path)
    until(repro.records, "the first record")
    time.sleep(0.5)
    running.send_signal(signal.SIGINT)
    _, text = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 130, text
    assert "continue with --resume" in text
    before = {path: path.stat().st_mtime_ns for path in repro.records()}
    done = repro("matrix", "run", path, "--resume")
    measured(done)
    assert len(repro.records()) == 3
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in before.items())
    assert not list((repro.results / ".matrix").glob("*.json"))


def test_bad_matrices_are_refused_in_one_line(repro, tiny):
    assert "can't be read" in refused(repro("matrix", "run", "none.toml"))
    assert "not valid TOML" in refused(repro("matrix", "run", written(repro.folder, "name =")))
    assert "triples" in refused(repro("matrix", "run", written(repro.folder, 'name = "x"\ntriples = []')))
    twice = '[[triples]]\nmodel = "m"\nruntime = "r"\n'
    assert "twice" in refused(repro("matrix", "run", written(repro.folder, 'name = "x"\n' + 2 * twice)))
    path = written(repro.folder, MATRIX.format(tiny=tiny))
    assert "No such option" in refused(repro("matrix", "run", path, "--model", tiny))
    assert "Missing argument" in refused(repro("matrix", "run"))
    assert not repro.records()
