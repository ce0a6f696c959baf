"""One run from request to record: the order of the steps, and nothing else. Each step is a function elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from harness.capture import snapshot
from harness.capture.load import read_load
from harness.catalog import fetch, model_folder, models, paths, suites
from harness.catalog.identity import Identity, identify
from harness.catalog.suites import Loaded, Suite
from harness.errors import BadInput, RunFailed, RuntimeUnavailable
from harness.files import locked
from harness.measure.stopping import FixedNumber, SequentialLooks
from harness.record import envelope, private, rig_runs, store
from harness.record.canonical import digest
from harness.record.keys import Signers
from harness.run import backend, bundle, environments, memory_need, options, preparing, tokens, unchanged
from harness.run.assemble import assemble, refuse_identifiers
from harness.run.evidence import Evidence, Prepared, Request
from harness.run.journal import Journal
from harness.run.launcher import Interpreter, run_worker
from harness.run.listener import Listener
from harness.run.measuring import Measuring
from harness.run.plan import Triple, least_context, plan_for, required_context, texts_of
from harness.run.told import Told
from harness.worker.frames import Frame
from harness.worker.plan import Plan
from runtimes.interface import Runtime, Scalar, batches, converts, forces, runs_in_core
from runtimes.recipes import RECIPES
from runtimes.table import SYNTHETIC, find


def bench(request: Request, listener: Listener) -> Path:
    """Measure and write the record; returns its path. Raises `ReproError`s, each with the way out."""
    cache = paths.cache()
    with locked(cache / "measuring.lock", "another measurement is running on this machine") as held:
        if not held:
            listener.remark("no lock can be held on this system: see to it that nothing else measures here")
        prepared = prepare(request, cache, listener)
        return _measure(prepared, cache, listener)


def prepare(request: Request, cache: Path, listener: Listener) -> Prepared:
    """Check every input before anything long begins; fetch and install what is missing."""
    suite = suites.load(request.suite)
    adapter = find(request.runtime)
    asked = options.parse(request.settings, adapter.options, adapter.name)
    given, secrets = options.secrets(asked, adapter.options, os.environ)
    reference = models.resolve(request.model)
    if request.python is not None and not request.python.exists():
        raise BadInput(
            "there is no such interpreter", where=f"--python {request.python}", fix="name a python executable"
        )
    store.writable(request.results)
    _rule(request, suite)  # refused now rather than after the download
    model_path = fetch.fetch(reference, cache, listener.advance)
    if isinstance(reference, models.Model):
        fetch.verify(reference, model_path, cache, listener.advance)
    states = unchanged.look(model_path)
    identity = identify(
        reference, model_path, cache, lambda done, total: listener.advance("checking the digest", done, total)
    )
    converting = identity.format not in adapter.formats
    if converting and not (identity.format == "gguf" and converts(adapter)):
        raise BadInput(
            f"{adapter.name} reads {' and '.join(adapter.formats)}, this is {identity.format}",
            where=identity.file,
            fix="take another runtime or another file",
        )
    refuse_identifiers({"model": identity.to_json(), "options": given}, suite)
    _need_memory(request, adapter, given, identity, model_path)
    cores = snapshot.cores()
    least = least_context(suite.suite)
    if identity.context_trained is not None and least > identity.context_trained:
        raise BadInput(
            f"it was trained for {identity.context_trained} tokens, and {suite.label} needs {least} or more",
            where=identity.file,
            fix="take a shorter suite",
        )
    filled = options.fill(given, adapter.options, cores=cores, required_context=least)
    folder, bundle_sha256 = bundle.make(cache)
    python, installed = _python(request, cache, listener)
    interpreter = Interpreter(python, folder, cache / "worker-home", secrets)
    if converting:
        if request.python is not None and not preparing.there(cache, identity):
            raise BadInput(
                f"{identity.name} is not converted yet, and that is done by pinned libraries only",
                where="--python",
                fix=f"run first: repro model prepare {request.model}",
            )
        model_path = preparing.prepare(adapter.name, identity, model_path, interpreter, cache, listener)
        states = unchanged.look(model_path)
        identity = identify(reference, model_path, cache)
    return Prepared(
        request=request,
        suite=suite,
        adapter=adapter,
        identity=identity,
        model_path=model_path,
        given=given,
        options=filled,
        interpreter=interpreter,
        installed=installed,
        bundle_sha256=bundle_sha256,
        cores=cores,
        # A simulation is never a measurement that somebody answers for.
        signers=None if adapter.name in SYNTHETIC else request.signers,
        files=unchanged.only(states, identity.files),
    )


def _need_memory(
    request: Request, adapter: Runtime, given: Mapping[str, Scalar], identity: Identity, path: Path
) -> None:
    """Raises `NotEnoughSpace` where this process would not hold its share of the model, converted where it must be."""
    weights = (
        identity.size if identity.format in adapter.formats else max(identity.size, 2 * (identity.parameters or 0))
    )
    layers = model_folder.header(path).number(f"{identity.architecture}.block_count")
    built_for = backend_of(adapter.name, request.backend) if adapter.name in RECIPES else request.backend
    memory_need.refuse_if_short(memory_need.held_bytes(adapter, built_for, given, weights, layers), identity.file)


def interpreter_for(runtime: str, cache: Path, listener: Listener) -> Interpreter:
    """The interpreter of a runtime's own environment, installed when it is missing."""
    folder, _ = bundle.make(cache)
    where, _ = _installed(runtime, "auto", cache, listener)
    return Interpreter(where, folder, cache / "worker-home")


def _python(request: Request, cache: Path, listener: Listener) -> tuple[Path, environments.Installed | None]:
    if request.python is not None:
        return request.python.absolute(), None
    if runs_in_core(find(request.runtime)):
        return Path(sys.executable), None
    return _installed(request.runtime, request.backend, cache, listener)


def _installed(runtime: str, asked: str, cache: Path, listener: Listener) -> tuple[Path, environments.Installed]:
    if runtime not in RECIPES:
        raise RuntimeUnavailable(
            f"{runtime} has no recipe for an environment", where="--runtime", fix="give --python PATH"
        )
    where = environments.place(cache, runtime, backend_of(runtime, asked))
    installed = where.installed()
    if installed is None:
        listener.stage(f"installing {runtime} ({where.backend}); once, some minutes")
        installed = environments.install(where, listener.advance)
    return where.python, installed


def backend_of(runtime: str, asked: str) -> str:
    """The backend to build for: as asked, or what suits the machine."""
    if asked != "auto":
        return asked
    recipe = RECIPES[runtime]
    return backend.choose(backend.look(), recipe.backends, builds=bool(recipe.built))[0]


def _measure(prepared: Prepared, cache: Path, listener: Listener) -> Path:
    request, suite = prepared.request, prepared.suite.suite
    ids, vocabulary = _ids(prepared, cache, listener)
    settings = options.fill(
        prepared.given, prepared.adapter.options, cores=prepared.cores, required_context=required_context(suite, ids)
    )
    prepared = replace(prepared, options=settings)
    seed = _seed(request, suite)
    triple = Triple(
        prepared.adapter.name,
        prepared.model_path,
        prepared.identity.format,
        settings,
        suite,
        vocabulary,
        seed,
        forces(prepared.adapter),
        batches(prepared.adapter),
        request.challenge or "",
    )
    rig_run = None if prepared.signers is None else rig_runs.following(prepared.signers.place)
    journal = _journal(prepared, seed)
    # A number of processes that was asked for is run in full, unless a budget was asked for, too.
    budget = request.budget_s if request.processes is not None else request.budget_s or suite.budget_s
    before, environment = read_load(), snapshot.capture()
    listener.stage(f"measuring {prepared.suite.label}")
    told = Told(prepared.identity)

    def loaded(facts: Mapping[str, Any]) -> None:
        told.hear(facts)
        unchanged.refuse_changed(prepared.model_path, prepared.files, prepared.identity.files)

    outcome = Measuring(
        interpreter=prepared.interpreter,
        plan_for=lambda process, probe: plan_for(triple, ids, process, probe),
        headline=suite.headline,
        rule=_rule(request, prepared.suite),
        budget_s=budget,
        deadlines=request.deadlines,
        journal=journal,
        listener=listener,
        cores=prepared.cores,
        loaded=loaded,
    ).run()
    unchanged.refuse_changed(prepared.model_path, prepared.files, prepared.identity.files)
    after = read_load()
    listener.stage("measuring the memory's bandwidth")
    bounding = snapshot.cores_for(settings.get("threads"), environment)
    evidence = Evidence(
        prepared=prepared,
        outcome=outcome,
        ids=ids,
        plan=plan_for(triple, ids, 0),
        environment=environment,
        load_before=before,
        load_after=after,
        bandwidth=snapshot.bandwidth(bounding, environment),
        peak=snapshot.peak(environment, bounding),
        started_utc=journal.started_utc,
        seed=seed,
        rig_run=rig_run,
        budget_s=budget,
    )
    payload, samples, name = assemble(evidence)
    path = store.write(request.results, name, payload, samples, _signed(payload, prepared.signers))
    private.write(path.parent, tuple(evidence.facts.get("device_ids") or ()))
    if prepared.signers is not None and rig_run is not None:
        rig_runs.note(prepared.signers.place, rig_run, digest(payload))
    journal.discard()
    return path


def _seed(request: Request, suite: Suite) -> int:
    """Of the order of trials: as asked, or by the challenge, or the suite's."""
    if request.challenge is not None:
        return suites.challenge_seed(request.challenge)
    return suite.seed if request.seed is None else request.seed


def _signed(payload: bytes, signers: Signers | None) -> bytes | None:
    return None if signers is None else envelope.sign(payload, [signers.operator, signers.rig]).to_bytes()


def _rule(request: Request, suite: Loaded) -> SequentialLooks | FixedNumber:
    """The stopping rule; with a record to stand against, it looks at the verdict, too. Raises `BadInput`."""
    if request.processes is not None:
        return FixedNumber(request.processes)
    if request.against is None:
        return SequentialLooks()
    record, headline = request.against.record, request.against.record.headline
    if record.suite.sha256 != suite.sha256 or headline is None or headline.estimate is None:
        raise BadInput(
            f"it ran {record.suite.name}-v{record.suite.version}, this run is {suite.label}",
            where=f"--against {request.against.path.parent.name}",
            fix="take its suite, or a record of this one",
        )
    return SequentialLooks(hub_medians=tuple(median / 1e6 for median in headline.estimate.process_medians))


def _journal(prepared: Prepared, seed: int) -> Journal:
    request = prepared.request
    identity = {
        "model": prepared.identity.sha256,
        "runtime": request.runtime,
        "suite": prepared.suite.sha256,
        "options": dict(prepared.options),
        "environment": prepared.installed.key if prepared.installed else str(request.python),
        "bundle": prepared.bundle_sha256,
        "seed": seed,
    }
    if request.resume:
        return Journal.resume(request.results, identity, or_new=request.or_new)
    return Journal.create(request.results, identity)


def _token_key(tokenizer: str, suite: Loaded) -> str:
    return sha256(f"{tokenizer}:{suite.sha256}".encode()).hexdigest()[:24]


def _ids(prepared: Prepared, cache: Path, listener: Listener) -> tuple[dict[str, tuple[int, ...]], int]:
    """The suite's prompts as ids of this model, made by a worker the first time."""
    identity, suite = prepared.identity, prepared.suite
    # A folder's configuration decides on BOS and vocabulary, too: its whole digest stands for its tokenizer.
    tokenizer = identity.sha256 if identity.format == "safetensors" else identity.tokenizer_sha256 or identity.sha256
    key = _token_key(tokenizer, suite)
    if runs_in_core(prepared.adapter) and (
        prepared.adapter.name in SYNTHETIC or not tokens.there(cache, key, texts_of(suite.suite))
    ):
        # What a simulation, or a server that nobody checked, makes of a text is its own affair.
        key = _token_key(f"{prepared.adapter.name} {prepared.options.get('url', '')} {tokenizer}", suite)

    def tokenise(texts: Mapping[str, str]) -> tokens.Tokenised:
        listener.stage("turning the prompts into token ids; once for this model and suite")
        found: dict[str, list[int]] = {}
        vocabulary = 0

        def hear(frame: Frame) -> None:
            nonlocal vocabulary
            if frame.kind == "loaded":
                vocabulary = frame.header["facts"]["vocab_size"]
            elif frame.kind == "tokens":
                found.update(frame.header["ids"])

        plan = Plan(
            prepared.adapter.name,
            str(prepared.model_path),
            identity.format,
            dict(prepared.options),
            texts=texts,
        )
        ended = run_worker(prepared.interpreter, plan, prepared.request.deadlines, hear)
        if ended.error is not None:
            raise ended.error
        if not found:
            raise RunFailed("the worker gave no token ids", where="tokenising")
        return tokens.Tokenised(found, vocabulary)

    return tokens.tokens(cache, key, texts_of(suite.suite), tokenise)
