"""Cases of the outcome (schema 1.3, section 6 of the format). The signatures of all are true."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.building import Case, Change, Json, of, put
from tests.conformance.payload_cases import CHECK, DEVICE, FINDING, METRIC, PROBE, PROCESS, RESULT, both

# fmt: off
# One case a line.

REASONS = ("out_of_memory", "unsupported_architecture", "unsupported_quantisation", "driver_or_library", "tokenizer", "timed_out", "engine_crashed", "killed", "engine_failed")
FAILED: Json = {"status": "failed", "reason": "out_of_memory", "stage": "load", "error": "", "loaded": False, "given": {}, "devices": None, "evidence": {}}
DONE: Json = {"status": "completed", "reason": None, "stage": None, "error": "", "loaded": True, "given": {}, "devices": None, "evidence": {}}
WHOLE: tuple[Change, ...] = (put("processes", [PROCESS]), put("results", [RESULT]), put("samples.rows", 1))


def _outcome(base: Json, **fields: Json) -> Change:
    return both(put("schema_version", "1.3"), put("outcome", {**base, **fields}))


def valid() -> Iterator[Case]:
    """What every reader takes."""
    def case(slug: str, why: str, *changes: Change) -> Case:
        return Case("", f"outcome-{slug}", why, of(both(*changes)))

    for reason in REASONS:
        yield case(f"failed-{reason}", f"a run that failed: {reason}", _outcome(FAILED, reason=reason))
    for stage in ("load", "warm-up", "measured"):
        yield case(f"stage-{stage}", f"a run that failed at {stage}, the model loaded", _outcome(FAILED, stage=stage, loaded=True))
    yield case("full", "a failure with everything that it may say", _outcome(FAILED, error="cudaMalloc failed: out of memory", given={"context": 4096, "flash_attn": "auto", "repack": True, "url": None}, devices=[DEVICE], evidence={"attempts": 2, "signal": 9, "oom_kills": 1}))
    yield case("words", "500 characters of every printable kind", _outcome(FAILED, error=("".join(map(chr, range(32, 127))) * 6)[:500]))
    yield case("null", "a run of 1.3 that says nothing of its outcome completed", put("schema_version", "1.3"), put("outcome", None))
    yield case("in-1.2", "a field that a reader knows is judged in any 1.x", put("outcome", FAILED))
    yield case("more", "a field of a later 1.x inside", _outcome(FAILED, later={"x": 1}))
    yield case("note", "a failure with a finding about the run", _outcome(FAILED), put("findings", [FINDING]))


def broken() -> Iterator[Case]:
    """What contradicts its outcome."""
    def case(slug: str, why: str, *changes: Change) -> Case:
        return Case("outcome", slug, why, of(both(*changes)))

    held: dict[str, tuple[str, Json]] = {
        "processes": ("processes", [PROCESS]), "results": ("results", [RESULT]), "process-results": ("process_results", [METRIC]),
        "derived": ("derived", {"bytes_per_token": 1}), "probe": ("probe", PROBE), "checks": ("checks", [CHECK]), "rows": ("samples.rows", 1),
        "finding-workload": ("findings", [{**FINDING, "workload": "w"}]), "finding-metric": ("findings", [{**FINDING, "metric": "decode_rate"}]),
    }
    for slug, (path, item) in held.items():
        yield case(f"failed-with-{slug}", f"a run that failed holds {path}", _outcome(FAILED), put(path, item))
    yield case("failed-with-all", "a run that failed holds a whole run", *WHOLE, _outcome(FAILED))
    yield case("failed-without-reason", "a failure without a reason", _outcome(FAILED, reason=None))
    yield case("failed-without-stage", "a failure without a stage", _outcome(FAILED, stage=None))
    yield case("failed-unloaded-warm-up", "warm-up of what was not loaded", _outcome(FAILED, stage="warm-up"))
    yield case("failed-unloaded-measured", "measuring of what was not loaded", _outcome(FAILED, stage="measured"))
    yield case("failed-in-1.2-with-results", "whichever 1.x it calls itself", put("outcome", FAILED), put("results", [RESULT]))
    for slug, path in {"processes": "processes", "results": "results"}.items():
        yield case(f"completed-without-{slug}", f"a run that completed lacks {path}", *WHOLE, _outcome(DONE), put(path, []))
    yield case("completed-without-rows", "a run that completed has no samples", *WHOLE, _outcome(DONE), put("samples.rows", 0))
    yield case("completed-empty", "a run that completed has nothing", _outcome(DONE))
    for name, item in {"reason": "engine_failed", "stage": "load", "error": "boom"}.items():
        yield case(f"completed-with-{name}", f"a run that completed gives a {name}", *WHOLE, _outcome(DONE, **{name: item}))
    yield case("completed-unloaded", "a run that completed loaded nothing", *WHOLE, _outcome(DONE, loaded=False))


def fields() -> Iterator[Case]:
    """What is no outcome."""
    def case(slug: str, why: str, *changes: Change) -> Case:
        return Case("schema", f"outcome-{slug}", why, of(both(*changes)))

    for slug, item in {"list": [], "text": "failed", "true": True, "empty": {}}.items():
        yield case(slug, f"the outcome is {slug}", put("outcome", item))
    for name in FAILED:
        short = {key: value for key, value in FAILED.items() if key != name}
        yield case(f"no-{name}", f"an outcome without {name}", put("outcome", short))
    wrong: dict[str, tuple[str, Json]] = {
        "status-other": ("status", "unfinished"), "status-capital": ("status", "Failed"), "status-null": ("status", None),
        "reason-unknown": ("reason", "out_of_luck"), "reason-empty": ("reason", ""), "reason-capital": ("reason", "Out_of_memory"), "reason-number": ("reason", 1),
        "stage-unknown": ("stage", "tokenise"), "stage-empty": ("stage", ""), "loaded-null": ("loaded", None), "loaded-number": ("loaded", 0),
        "error-null": ("error", None), "error-line-feed": ("error", "a\nb"), "error-last-line-feed": ("error", "a\n"), "error-tab": ("error", "a\tb"),
        "error-escape": ("error", "\x1b[31m"), "error-delete": ("error", "\x7f"), "error-not-ascii": ("error", "Speicher f\u00fcr"), "error-long": ("error", "x" * 501),
        "given-list": ("given", []), "given-object": ("given", {"a": {}}), "devices-object": ("devices", {}), "devices-empty-device": ("devices", [{}]),
        "evidence-text": ("evidence", {"signal": "9"}), "evidence-null": ("evidence", None), "evidence-true": ("evidence", {"signal": True}),
    }
    for slug, (name, item) in wrong.items():
        yield case(slug, f"{name} of an outcome", _outcome(FAILED, **{name: item}))
