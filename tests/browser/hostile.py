"""A registry whose every free text tries something: markup, script, addresses that run, marks that turn a line round, great length.

A rule of the registry refuses much of it where it would do most harm: names of models, devices and the like are at most 256 printable
characters, so that no right-to-left mark and no 10 kB stand there, and a record's keys are ASCII. Those stand in what no rule
reads: a package's name, settings, commands, reasons.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from harness.demo import records
from harness.demo.records import Setup
from harness.record import schema
from tests.support.registry_world import World, world

SCRIPT = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(1)>'
CLOSING = "</style></title></textarea></svg><svg onload=alert(1)>"
RUNS = "javascript:alert(1)"
EMOJI = "🦙🚀 漢字"  # one script: names that mix several are refused
TEMPLATE = "{{ 7 * 7 }}{% raw %}${7*7}"
COMMENT = "--><!-- ]]> <![CDATA[ &lt;b&gt; &#60;"
TURNED = "safe \u202egpj.exe\u202c \u2066isolated\u2069 \u200f ёжик עברית العربية"
WIDE = "W" * 256
HUGE = "N" * 10_000
PRINTABLE = (SCRIPT, IMAGE, CLOSING, RUNS, EMOJI, TEMPLATE, COMMENT)

# Each is a row: what its columns say. The first three are of one workload; five, two and one process.
SETUPS: tuple[dict[str, Any], ...] = (
    {"model": SCRIPT, "sku": IMAGE, "generation": CLOSING, "quantisation": "<b>Q4</b>", "os": "\"'><i>"},
    {
        "model": IMAGE,
        "sku": SCRIPT,
        "generation": RUNS,
        "quantisation": '"><s>',
        "os": COMMENT,
        "processes": 2,
        "rate": 120.0,
    },
    {
        "model": CLOSING,
        "sku": RUNS,
        "generation": EMOJI,
        "quantisation": RUNS,
        "os": EMOJI,
        "processes": 1,
        "rate": 90.0,
    },
    {"model": RUNS, "sku": CLOSING, "generation": IMAGE, "quantisation": TEMPLATE, "os": "L", "rate": 0.0123},
    {"model": EMOJI, "sku": EMOJI, "generation": SCRIPT, "quantisation": "🚀", "os": SCRIPT, "rate": 123456.7},
    {
        "model": TEMPLATE,
        "sku": COMMENT,
        "generation": TEMPLATE,
        "quantisation": COMMENT,
        "os": TEMPLATE,
        "processes": 3,
    },
    {
        "model": WIDE,
        "sku": "S" * 250,
        "generation": "G" * 128,
        "quantisation": "Q" * 64,
        "os": "O" * 64,
        "processes": 4,
    },
)


def _more(setup: Setup) -> dict[str, Any]:
    """The fields that the record has beside its columns, hostile, too."""
    record = records._record(records.person("ann"), setup, records.trials_of(setup), "0" * 64, None, None)
    runtime = record.runtime.model_copy(
        update={
            "package": HUGE,
            "version": f"0.3 {TURNED}",
            "settings": {"k": TURNED, "h": HUGE, IMAGE: SCRIPT, "r": RUNS},
        }
    )
    told = {"value": TURNED}
    environment = {
        **record.environment,
        "memory": {"note": {"value": HUGE}, "list": {"value": [SCRIPT, IMAGE]}, IMAGE: told},
    }
    checks = tuple(check.model_copy(update={"text": f"{TURNED} {SCRIPT}"}) for check in record.checks)
    finding = schema.Finding(
        code="x", severity="note", workload=records.WORKLOAD, metric="x", text=f"{IMAGE} {TURNED}", evidence={}
    )
    titled = tuple(one.model_copy(update={"title": f"{CLOSING} {TURNED}"}) for one in record.workloads)
    return {
        "runtime": runtime,
        "environment": environment,
        "checks": checks,
        "findings": (finding, *record.findings),  # those of its own samples, too: else nobody believes it
        "workloads": titled,
        "run": record.run.model_copy(
            update={"command": f"repro bench '{SCRIPT}' {TURNED}", "stop_detail": f"{TURNED} {HUGE}"}
        ),
        "model": {**record.model, "variant": IMAGE, "licence": HUGE, "family": TURNED},
    }


def registry(target: str) -> World:
    """With rows, a reproduction, requests in every state, evidence from elsewhere, and reasons."""
    made = world(target, demonstration=True)  # where devices and systems are called as they say
    for place, setup in enumerate(SETUPS):
        whole = Setup(seed=place, **setup)
        found = made.record("ann", more=_more(whole), synthetic=True, seed=place, **setup)
        made.submit(found)
        made.approve(found.id, reason=f"{PRINTABLE[place % len(PRINTABLE)]} {TURNED}")
        if place == 0:
            _reproduced(made, found.id)
            _imported(made, found.id)
    made.act(made.editor(), "operator-verified", "ann", reason=f"{SCRIPT} {TURNED} {'V' * 1000}")
    _asked(made)
    return made


def _reproduced(made: World, row: str) -> None:
    setup = {**SETUPS[0], "sku": f"{IMAGE} again"}
    made.accepted("bob", row, more=_engine(setup), synthetic=True, **setup)
    slow = {**SETUPS[0], "rate": 50.0}
    later = made.record("eve", more=_engine(slow), synthetic=True, **slow)
    made.submit(later, row)  # which nobody has looked at


def _engine(setup: dict[str, Any]) -> dict[str, Any]:
    """The row's own settings, that the record may reproduce it."""
    return {"runtime": _more(Setup(**setup))["runtime"]}


def _imported(made: World, row: str) -> None:
    told = {
        "tool": SCRIPT, "tool_version": TURNED, "engine": IMAGE, "model": IMAGE, "quantisation": RUNS, "device": "W" * 200,
        "metric": f"{IMAGE} {TURNED}", "prompt_tokens": 0, "output_tokens": 128, "depth": 0, "samples_micro": [1], "measured": "",
    }  # fmt: skip
    detail = {"row": row, "source_sha256": "0" * 64, "evidence": told}
    made.act(
        made.editor(), "evidence-imported", sha256(b"evidence").hexdigest(), reason=f"{CLOSING} {TURNED}", detail=detail
    )


def _asked(made: World) -> None:
    for number, text in enumerate((*PRINTABLE, "W" * 200)):
        name = sha256(text.encode()).hexdigest()
        detail = {"model": text, "hardware": text, "runtime": text}
        made.act(made.actor("ann"), "request-opened", name, reason=f"{text} {TURNED}", detail=detail)
        made.act(made.editor(), "request-accepted", name, reason=f"{text} {TURNED} {'R' * 1000}")
        if number % 2:
            made.act(made.actor("bob"), "request-claimed", name)
