"""Does a record answer the job under which it lies? Its model, runtime, suite, options, pair and seed must be those of the plan.

A node's signature says that the node measured it, not for which job: a record of other work, or an older one of the same work,
laid into a job's folder, would else get the operator's name.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from harness.catalog import huggingface_cache, model_folder, models, openvino_ir, suites
from harness.catalog.models import Model
from harness.catalog.references import HuggingFaceReference, OllamaReference
from harness.catalog.triples import Triple
from harness.errors import BadInput
from harness.fleet.plan import Job, Plan, Turn
from harness.record.schema import Experiment, Record
from harness.run.conclude.head import public_value
from harness.run.prepare import options
from runtimes.interface import Option, Scalar
from runtimes.releases import split
from runtimes.table import find

_A_FILE = str(public_value("/"))  # how a record names any


def experiment(plan: Plan, job: Job, turn: Turn) -> Experiment:
    """What both sides' records say of the pair, declared by the plan."""
    declared = [plan.id, plan.sha256, job.node, job.repeat, turn.pair, turn.rounds, turn.seed]
    return Experiment(
        name=turn.pair,
        id=sha256(json.dumps(declared).encode()).hexdigest(),
        member=int(turn.side == "b"),
        members=2,
        processes=turn.rounds,
        seed=turn.seed,
    )


def other_work(plan: Plan, job: Job, record: Record) -> str:
    """What of the record is not the job's, in one word or two; "" where it answers it. Raises `BadInput` for an unknown suite."""
    return next(_differences(plan, job, record), "")


def _differences(plan: Plan, job: Job, record: Record) -> Iterator[str]:
    triple, asked = job.triple, _asked(record.run.command)
    if record.runtime.name != split(triple.runtime).name or asked.get("--runtime") != triple.runtime:
        yield "runtime"
    if triple.backend != "auto" and asked.get("--backend", triple.backend) != triple.backend:
        yield "backend"
    if asked.get("--processes") != (None if triple.processes is None else str(triple.processes)):
        yield "number of processes"
    if not _of_model(triple.model, Path(plan.folder), record):
        yield "model"
    if not _of_suite(triple.suite, Path(plan.folder), record):
        yield "suite"
    if dict(record.runtime.options) != published(triple):
        yield "options"
    if record.run.experiment != (None if job.turn is None else experiment(plan, job, job.turn)):
        yield "pair"
    if record.run.seed != plan.run_seed(job):
        yield "seed, which is this job's alone"


def _asked(command: str) -> dict[str, str]:
    """The flags of the command that repeats the run."""
    try:
        words = shlex.split(command)[2:]
    except ValueError:
        return {}
    return {words[i]: words[i + 1] for i in range(len(words) - 1) if words[i].startswith("--")}


def _of_model(text: str, folder: Path, record: Record) -> bool:
    """A model of the catalogue by its digests, another by its name: the machine that collects need not have it."""
    said = record.model
    if not text.startswith(("hf:", "ollama:", "file:")) and (folder / text).exists():
        text = str(folder / text)
    try:
        wanted = models.resolve(text)
    except BadInput:
        wanted = Path(text)
    match wanted:
        case Model():
            return is_of(wanted, record)
        case OllamaReference():
            return said.get("reference") == str(wanted) or (_converted(record) and said.get("name") == wanted.title)
        case HuggingFaceReference(repo=repo, file=file):
            if _converted(record):
                return not file or said.get("name") == model_folder.title(Path(file))
            return str(said.get("reference")).startswith(f"hf:{repo}@") and str(said.get("reference")).endswith(file)
        case path:
            place = huggingface_cache.place(path)
            if place is not None and not _converted(record):
                return said.get("reference") == str(place)
            return said.get("name") == model_folder.title(path)


def is_of(wanted: Model, record: Record) -> bool:
    """Whether a record is of this model of the catalogue, by the digests of its files."""
    digests = {
        one.sha256 for one in wanted.files if one.name.lower().endswith((".gguf", ".safetensors", openvino_ir.WEIGHTS))
    }
    said = record.model
    return not digests.isdisjoint({said.get("sha256"), said.get("derived_from"), *_values(said.get("files"))})


def _converted(record: Record) -> bool:
    return record.model.get("derived_from") is not None


def _values(files: object) -> tuple[object, ...]:
    return tuple(files.values()) if isinstance(files, dict) else ()


def _of_suite(text: str, folder: Path, record: Record) -> bool:
    """By its digest. A name without a version means the newest one at the time."""
    said = record.suite
    if text.endswith(".toml") or "/" in text:
        return suites.load(str(folder / text)).sha256 == said.sha256
    known = suites.load(text)
    if known.suite.name != said.name:
        return False
    if known.suite.version != said.version and text == said.name:
        known = suites.load(f"{text}-v{said.version}")
    return known.sha256 == said.sha256


def published(triple: Triple) -> dict[str, Scalar]:
    """The options as a record says them."""
    adapter = find(split(triple.runtime).name)
    files = {name for name in triple.options if _is_file(adapter.options.get(name))}
    plain = triple.model_copy(update={"options": {n: v for n, v in triple.options.items() if n not in files}})
    given = options.parse(plain.settings, adapter.options, adapter.name)
    return {name: public_value(value) for name, value in given.items()} | dict.fromkeys(files, _A_FILE)


def _is_file(option: Option | None) -> bool:
    return option is not None and (option.program or option.kind is Path)
