"""A ReFrame test that measures with `repro bench`: rate and 95 % interval are its performance variables.

    reframe -c contrib/reframe/repro_check.py -r --performance-report
    reframe -c … -r -S ReproCheck.model=qwen3-8b -S ReproCheck.runtime=vllm -S 'ReproCheck.options=threads=8,flash_attn=on'

It asks for a whole node (`exclusive_access`) and fails where the record's own checks failed: such a number is not to be used.
Bands are the site's: `-S 'ReproCheck.reference=…'`, or a subclass. It needs ReFrame 4, and `repro` on the nodes' PATH.
"""

import json
from pathlib import Path

import reframe as rfm
import reframe.utility.sanity as sn
from reframe.core.builtins import run_before, sanity_function, variable

PER_S = 1e-6  # a record's rates are millionths of a token a second
METRICS = {"decode": "decode_rate", "prefill": "prefill_rate"}


@rfm.simple_test
class ReproCheck(rfm.RunOnlyRegressionTest):
    """One run of one model, runtime and suite on a node of its own."""

    repro = variable(str, value="repro")
    model = variable(str, value="gemma-3-270m-q4_k_m")
    runtime = variable(str, value="llama.cpp")
    suite = variable(str, value="quick")
    options = variable(str, value="")  # NAME=VALUE, several with a comma between them
    processes = variable(int, value=0)  # 0: the suite's stopping rule decides

    descr = "decode and prefill of a local model, by repro bench"
    valid_systems = ["*"]
    valid_prog_environs = ["*"]
    num_tasks = 1
    exclusive_access = True
    keep_files = ["results"]

    @run_before("run")
    def ask(self):
        """The command; each word is one argument, whatever is in it."""
        words = [
            "bench",
            "--model",
            self.model,
            "--runtime",
            self.runtime,
            "--suite",
            self.suite,
            "--results",
            "results",
        ]
        words += [word for one in self.options.split(",") if one for word in ("-o", one)]
        words += ["--processes", str(self.processes)] if self.processes else []
        self.executable = self.repro
        self.executable_opts = [_quoted(word) for word in words]

    @sanity_function
    def measured(self):
        """There is one record, its run completed, and none of its checks failed."""
        return sn.all([
            sn.assert_eq(self.job.exitcode, 0, msg="repro bench ended with status {0}: see rfm_job.err and docs/metrics.md"),
            sn.assert_eq(len(self._records()), 1, msg="found {0} records, expected {1}"),
        ])  # fmt: skip

    @run_before("performance")
    def name_variables(self):
        """Each rate with the ends of its interval; a run of one process has no interval."""
        record = self._records()[0]
        found = {}
        for name, metric in METRICS.items():
            estimate = _estimate(record, metric)
            for part, field in (("", "point"), ("_low", "low"), ("_high", "high")):
                if estimate is not None and estimate[field] is not None:
                    value = estimate[field] * PER_S
                    found[f"{name}{part}"] = sn.make_performance_function(sn.defer(value), "tok/s")
        self.perf_variables = found

    def _records(self):
        return [json.loads(path.read_text())["predicate"] for path in Path(self.stagedir).glob("results/*/record.json")]


def _estimate(record, metric):
    """Decode of the suite's headline; prefill of the longest prompt."""
    longest = sorted(record["workloads"], key=lambda one: -one["prompt_tokens"])
    names = [record["suite"]["headline"]] if metric == "decode_rate" else [one["id"] for one in longest]
    for name in names:
        for result in record["results"]:
            for one in result["metrics"]:
                if (result["workload"], one["metric"]) == (name, metric) and one["estimate"] is not None:
                    return one["estimate"]
    return None


def _quoted(word):
    """For the shell of the job's script: a value of an option must never be read as more than one word."""
    return "'" + word.replace("'", "'\"'\"'") + "'"
