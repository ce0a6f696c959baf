"""What each column of `load_records` and `repro export` is."""

from __future__ import annotations

from harness.record.columns import integer, number, text

_OWN = "that of the column `unit`"
_PERCENTILES = (5, 25, 50, 75, 90, 95, 99)

COLUMNS = (
    text("record", "id of the record: sha256 of its bytes"),
    text("model_name", "name of the model", nullable=True),
    text("quantisation", "label of the weights' quantisation", nullable=True),
    text("runtime", "what `--runtime` names"),
    text("runtime_version", "package of the runtime, with its version"),
    text("device", "every device that computed"),
    text("suite", "name and version of the suite"),
    text("workload", "id of the workload; (process): of the whole process"),
    text("mode", "greedy or forced", nullable=True),
    number("prompt_tokens", "of the workload", "tokens"),
    number("output_tokens", "of the workload", "tokens"),
    text("metric", "what was measured (docs/metrics.md)"),
    text("unit", "of the numbers of this line", values=("tokens/s", "ms", "MiB")),
    number("point", "the estimate", _OWN),
    number("ci95_low", "low end of its 95 % interval over processes", _OWN),
    number("ci95_high", "high end of it", _OWN),
    number("ci95_half_width_fraction", "half width of the interval / point", "1"),
    number("processes", "how many the estimate rests on", "processes"),
    number("trials", "how many the estimate rests on", "trials"),
    number("cv_within", "coefficient of variation within a process", "1"),
    number("cv_between", "coefficient of variation between processes", "1"),
    text("settings", "settings that change the computation, where they are not the usual ones"),
    text("tuning", "settings that tune it"),
    number("mean", "of all tokens, or of all trials", _OWN),
    number("sd", "standard deviation of the same", _OWN),
    number("min", "least of the same", _OWN),
    *(number(f"p{percent}", f"{percent}th percentile of the same", _OWN) for percent in _PERCENTILES),
    number("max", "greatest of the same", _OWN),
    text("findings", "codes of the findings of this workload, a space between"),
    text("failed_checks", "codes of the checks that failed, a space between"),
    text("started_utc", "when the run began"),
    text("folder", "name of the folder that holds the record"),
    text("verified", "whether the record holds", values=("yes", "no", "not checked")),
    text("verified_reason", "why not; empty where it does"),
)
RESULTS = (  # of results.csv beside a row's page
    text("workload", "id of the workload"),
    text("metric", "what was measured (docs/metrics.md)"),
    text("unit", "of the numbers of this line", values=("micro_tokens_per_s", "ns", "bytes")),
    integer("point", "the estimate", _OWN),
    integer("ci95_low", "low end of its 95 % interval over processes", _OWN, nullable=True),
    integer("ci95_high", "high end of it", _OWN, nullable=True),
    integer("processes", "how many the estimate rests on", "processes"),
    integer("trials", "how many the estimate rests on", "trials"),
    *(integer(f"p{percent}", f"{percent}th percentile", _OWN, nullable=True) for percent in (50, 95, 99)),
)
