"""What a record says in the same way of a run that came to its end and of one that failed."""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import harness
from harness.capture.facts import to_plain
from harness.capture.load import Load
from harness.capture.software import Software
from harness.catalog import suites
from harness.catalog.suites import Suite
from harness.device_ids import names_a_device
from harness.record import schema
from harness.record.keys import RigSigner, Signers
from harness.record.rig_runs import RigRun
from harness.record.store import SAMPLES_FILE
from harness.run.evidence import Prepared
from harness.run.execute.launcher import ENGINE_VARIABLES
from harness.run.execute.next_step import Failure
from harness.verify.token_ids import digest_of
from harness.worker.plan import Plan
from runtimes.interface import Scalar

# A number, a list of them, or one word: a device may be named by its serial number, a library by its path.
_PLAIN_VALUE = re.compile(r"\d+(,\d+)*|[A-Za-z]{1,16}")
_NAMES_A_KEY = re.compile(r"KEY|TOKEN|SECRET|PASS|CREDENTIAL", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://(?:[^/@]*@)?(?P<host>\[[^\]]*\]|[^/:?#]*).*", re.IGNORECASE)
_STEP = 256 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Begun:
    """What was fixed before the first process."""

    started_utc: str
    seed: int
    budget_s: int | None


@dataclass(frozen=True, slots=True)
class Ended:
    """Why the run ended, and which of its processes failed."""

    rule: str
    detail: str
    precise: bool
    failures: Sequence[Failure]


def program(prepared: Prepared, software: Software) -> schema.Harness:
    """Which program ran, and the worker's code."""
    return schema.Harness(
        version=harness.__version__,
        commit=software.commit.value,
        dirty=software.dirty.value,
        worker_sha256=prepared.engine.bundle_sha256,
    )


def subjects(prepared: Prepared, record: schema.Record) -> list[tuple[str, str]]:
    """What the signed statement is about: (name, sha256) of samples, model, suite and models that options name."""
    beside = [(f"{name}: {one.identity.file}", one.identity.sha256) for name, one in prepared.beside.items()]
    return [
        (SAMPLES_FILE, record.samples.sha256),
        (prepared.identity.file, prepared.identity.sha256),
        (f"{prepared.suite.label}.toml", prepared.suite.sha256),
        *beside,
    ]


def tokenization(prepared: Prepared, bos_id: int | None, add_bos: bool) -> schema.Tokenization:
    """How texts become ids; no template is ever applied."""
    return schema.Tokenization(
        bos_id=bos_id, add_bos=add_bos, template="none", tokenizer_sha256=prepared.identity.tokenizer_sha256
    )


def run(prepared: Prepared, begun: Begun, ended: Ended, beside: tuple[dict[str, Any], dict[str, Any]]) -> schema.Run:
    """The run from its start until now; `beside`: the machine's load before and after, of `loads`."""
    return schema.Run(
        started_utc=begun.started_utc,
        finished_utc=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        seed=begun.seed,
        synthetic=prepared.adapter.capabilities.synthetic,
        resumed=prepared.request.resume,
        budget_s=begun.budget_s,
        stop_rule=ended.rule,
        stop_detail=ended.detail,
        precise=ended.precise,
        failed_processes=tuple(schema.FailedProcess(index=f.index, reason=f.error.code) for f in ended.failures),
        command=command(prepared, begun.budget_s, begun.seed),
        load_before=beside[0],
        load_after=beside[1],
        challenge=prepared.request.challenge,
        experiment=prepared.request.experiment,
    )


def suite_of(prepared: Prepared) -> schema.Suite:
    """The suite, named by the digest of its file."""
    suite = prepared.suite.suite
    return schema.Suite(
        name=suite.name,
        version=suite.version,
        sha256=prepared.suite.sha256,
        headline=suite.headline,
        warmup_trials=suite.warmup_trials,
        timed_trials=suite.timed_trials,
    )


def operator(signers: Signers | RigSigner | None, run: RigRun | None) -> schema.Operator | None:
    """Who answers for it, and its place among the machine's runs."""
    if signers is None or run is None:
        return None
    public = signers.public
    return schema.Operator(
        handle=public.handle,
        operator_key=public.operator_key,
        rig_key=public.rig_key,
        run_number=run.number,
        previous=run.previous,
    )


def loads(before: Load, after: Load) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both readings as a record holds them: of what counts since boot, only what the run added, in the second.

    The totals themselves would tell that two records, under whatever names, are of one machine and one boot.
    """
    first, second = plain(before), plain(after)
    for name in sorted(first.keys() - {"load1_milli"}):
        old, new = first.pop(name), second[name]
        if isinstance(old.get("value"), int) and isinstance(new.get("value"), int):
            second[name] = {"value": max(new["value"] - old["value"], 0)}
    return first, second


def coarse(environment: dict[str, Any]) -> dict[str, Any]:
    """Sizes of memory in steps of 256 MiB: to the byte, what is free names the moment, and swap and limits name the machine."""
    memory = dict(environment.get("memory", {}))
    for name in ("available_bytes", "limit_bytes", "swap_total_bytes", "swap_used_bytes"):
        told = memory.get(name, {})
        if isinstance(told.get("value"), int):
            # Of swap a little is not none.
            up = _STEP - 1 if name.startswith("swap") else 0
            memory[name] = {"value": (told["value"] + up) // _STEP * _STEP}
    return {**environment, "memory": memory}


def plain(value: Any) -> dict[str, Any]:
    """A dataclass as a record holds it."""
    found = to_plain(value)
    assert isinstance(found, dict)  # noqa: S101 - a dataclass becomes an object
    return found


def command(prepared: Prepared, budget_s: int | None, seed: int) -> str:
    """What repeats the run."""
    request = prepared.request
    parts = [
        "repro bench",
        f"--model {shlex.quote(prepared.identity.reference)}",
        f"--runtime {shlex.quote(request.runtime)}",
    ]
    parts.append(f"--suite {prepared.suite.label}")
    parts += [
        f"-o {shlex.quote(f'{name}={_option(public_value(value))}')}" for name, value in sorted(prepared.given.items())
    ]
    if request.processes is not None:
        parts.append(f"--processes {request.processes}")
    if prepared.engine.installed is not None and request.backend != "auto":
        parts.append(f"--backend {prepared.engine.installed.backend}")
    if request.python is not None:
        parts.append("--python PATH")
    if budget_s is not None:
        parts.append(f"--budget {budget_s}")
    return " ".join([*parts, f"--seed {seed}"])


def _shown(name: str, value: str) -> str:
    """An engine's variable as it may be published: plain values, and none of a key."""
    plain = _PLAIN_VALUE.fullmatch(value) and not _NAMES_A_KEY.search(name)
    return value if plain else "set, not recorded"


def public_value(value: Scalar) -> Scalar:
    """An option's value; of another machine's address no host, of a file no name, of a card neither its id nor its place."""
    if not isinstance(value, str):
        return value
    if value.startswith("/") or names_a_device(value):
        return "a file of this machine" if value.startswith("/") else "named by id"
    if (found := _ADDRESS.fullmatch(value)) is None:
        return value
    own = found["host"] in ("localhost", "[::1]") or re.fullmatch(r"127(\.\d{1,3}){3}", found["host"])
    return value if own else "http://another-machine"


def _option(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def engine_variables(secrets: Mapping[str, str]) -> dict[str, str]:
    """The environment variables that engines heed, as a record holds them. `secrets`: a key's own variable may be one of them."""
    hidden = set(secrets.values())
    found = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(ENGINE_VARIABLES) and value.strip() not in hidden
    }
    return {name: _shown(name, value) for name, value in sorted(found.items())}


def build_of(prepared: Prepared) -> dict[str, Any]:
    """Lock, source, backend and flags, and why `auto` took this backend; or that the operator gave a Python."""
    if prepared.engine.installed is None:
        return {"given_by_operator": True}
    chosen = {"chosen": prepared.engine.choice.reason} if prepared.engine.choice.reason else {}
    return plain(prepared.engine.installed.public()) | chosen


def packages(prepared: Prepared, told: Mapping[str, str]) -> dict[str, str]:
    """As the worker tells them; of what was compiled here, the version alone."""
    built = "" if prepared.engine.installed is None else prepared.engine.installed.built
    return {name: text.split(" ")[0] if name == built else text for name, text in told.items()}


def workloads(planned: Plan, suite: Suite, challenge: str | None) -> tuple[schema.Workload, ...]:
    """As they were to be run."""
    titles = {workload.id: workload.title for workload in suite.workloads}
    return tuple(
        schema.Workload(
            id=plan.id,
            title=titles[plan.id],
            mode="forced" if plan.mode == "forced" else "greedy",
            prompt_tokens=len(plan.prompt),
            output_tokens=plan.output_tokens,
            prompt_sha256=digest_of((*plan.history, *plan.prompt)),
            forced_sha256=None if plan.forced is None else digest_of(plan.forced),
            concurrency=plan.concurrency,
            depth=len(plan.history) or None,
            text_sha256=suites.challenged_text_sha256(suite, suite.workload(plan.id), challenge),
        )
        for plan in planned.workloads
    )
