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
from harness.errors import BadInput, Interrupted, RunFailed
from harness.files import locked, need_room
from harness.progress import Progress
from harness.record import envelope, private, rig_runs, store
from harness.record.canonical import digest
from harness.record.keys import Signers
from harness.record.schema import SCHEMA_VERSION
from harness.run.conclude.assemble import assemble, engine_variables, public_value
from harness.run.evidence import Evidence, Prepared, Request
from harness.run.execute import bundle
from harness.run.execute.journal import Journal
from harness.run.execute.launcher import Interpreter, run_worker
from harness.run.execute.loop import Measuring
from harness.run.execute.plan import Ids, Triple, least_context, plan_for, required_context, texts_of
from harness.run.prepare import baseline, choosing, convert, environments, memory_need, options, tokens, unchanged
from harness.run.prepare.backend import Choice, refuse_other_devices, wants_gpu
from harness.run.prepare.engine_account import Told
from harness.run.prepare.gate import admit, parts_of, refuse_identifiers
from harness.worker.frames import Frame
from harness.worker.plan import Plan
from runtimes.interface import Runtime, Scalar, batches, converts, forces, runs_in_core
from runtimes.table import SYNTHETIC, find

RESULT_ROOM_BYTES = 64 << 20  # a long run's samples, its journal beside them, and some to spare


def bench(request: Request, progress: Progress) -> Path:
    """Measure and write the record; returns its path. Raises `ReproError`s, each with the way out."""
    cache = paths.cache()
    with locked(cache / "measuring.lock", "another measurement is running on this machine") as held:
        if not held:
            progress.remark("no lock can be held on this system: see to it that nothing else measures here")
        try:
            prepared = prepare(request, cache, progress)
            ids, vocabulary = _ids(prepared, cache, progress)
        except KeyboardInterrupt:
            raise Interrupted(
                "Stopped before anything was measured; what was fetched and installed is kept",
                fix="the same command goes on from there",
            ) from None
        try:
            return _measure(prepared, ids, vocabulary, progress)
        except KeyboardInterrupt:
            raise Interrupted("Stopped; what was measured is kept", fix="go on with --resume") from None


def prepare(request: Request, cache: Path, progress: Progress) -> Prepared:
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
    options.refuse_absurd(given, adapter.options, logical=os.cpu_count() or 1, trained=None)
    choice = choosing.choose(request, adapter, given, cache)
    published = {name: public_value(value) for name, value in given.items()}
    refuse_identifiers({"runtime": {"options": published}}, suite)
    refuse_identifiers(parts_of(suite, snapshot.capture().to_json(), engine_variables(secrets)), suite)
    store.writable(request.results)
    need_room(request.results, RESULT_ROOM_BYTES, "name another --results")
    baseline.rule(request, suite)  # refused now rather than after the download
    model_path = fetch.fetch(reference, cache, progress)
    if isinstance(reference, models.Model):
        fetch.verify(reference, model_path, cache, progress)
    states = unchanged.look(model_path)
    identity = identify(reference, model_path, cache, progress)
    if request.against is not None:
        baseline.refuse_other_model(request.against, identity)
    converting = identity.format not in adapter.formats
    if converting and not (identity.format == "gguf" and converts(adapter)):
        raise BadInput(
            f"{adapter.name} reads {' and '.join(adapter.formats)}, this is {identity.format}",
            where=identity.file,
            fix="take another runtime or another file",
        )
    refuse_identifiers({"model": identity.to_json(), "runtime": {"options": published}}, suite)
    _need_memory(adapter, choice, given, identity, model_path)
    cores = snapshot.cores()
    least = least_context(suite.suite)
    if identity.context_trained is not None and least > identity.context_trained:
        raise BadInput(
            f"it was trained for {identity.context_trained} tokens, and {suite.label} needs {least} or more",
            where=identity.file,
            fix="take a shorter suite",
        )
    options.refuse_absurd(given, adapter.options, logical=os.cpu_count() or 1, trained=_trained(adapter, identity))
    filled = _filled(given, adapter, choice, cores, least)
    folder, bundle_sha256 = bundle.make(cache)
    python, installed = _python(request, choice, cache, progress)
    interpreter = Interpreter(python, folder, cache / "worker-home", secrets)
    if converting:
        if request.python is not None and not convert.there(cache, identity):
            raise BadInput(
                f"{identity.name} is not converted yet, and that is done by pinned libraries only",
                where="--python",
                fix=f"run first: repro model prepare {request.model}",
            )
        model_path = convert.prepare(adapter.name, identity, model_path, interpreter, cache, progress)
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
        choice=choice,
        # A simulation is never a measurement that somebody answers for.
        signers=None if adapter.name in SYNTHETIC else request.signers,
        files=unchanged.only(states, identity.files),
    )


def _need_memory(adapter: Runtime, choice: Choice, given: Mapping[str, Scalar], identity: Identity, path: Path) -> None:
    """Raises `NotEnoughSpace` where this process would not hold its share of the model, converted where it must be."""
    weights = (
        identity.size if identity.format in adapter.formats else max(identity.size, 2 * (identity.parameters or 0))
    )
    layers = model_folder.header(path).number(f"{identity.architecture}.block_count")
    memory_need.refuse_if_short(memory_need.held_bytes(adapter, choice.backend, given, weights, layers), identity.file)


def _trained(adapter: Runtime, identity: Identity) -> int | None:
    """The longest context that the model was trained for; a server, or a simulation, has one of its own."""
    return None if runs_in_core(adapter) else identity.context_trained


def _filled(
    given: Mapping[str, Scalar], adapter: Runtime, choice: Choice, cores: int, required_context: int
) -> dict[str, Scalar]:
    """The settings to run with; a build for the CPU never takes a GPU by itself."""
    filled = options.fill(given, adapter.options, cores=cores, required_context=required_context)
    if choice.backend == "cpu" and filled.get("device") == "auto":
        filled["device"] = "cpu"
    return filled


def interpreter_for(runtime: str, cache: Path, progress: Progress) -> Interpreter:
    """The interpreter of a runtime's own environment, installed when it is missing."""
    folder, _ = bundle.make(cache)
    where, _ = _installed(runtime, choosing.choice_of(runtime, "auto", cache), cache, progress)
    return Interpreter(where, folder, cache / "worker-home")


def _python(
    request: Request, choice: Choice, cache: Path, progress: Progress
) -> tuple[Path, environments.Installed | None]:
    if request.python is not None:
        return request.python.absolute(), None
    if runs_in_core(find(request.runtime)):
        return Path(sys.executable), None
    return _installed(request.runtime, choice, cache, progress)


def _installed(runtime: str, choice: Choice, cache: Path, progress: Progress) -> tuple[Path, environments.Installed]:
    if choice.line:
        progress.stage(choice.line)
    where = environments.place(cache, runtime, choice.backend)
    installed = where.installed()
    if installed is None:
        progress.stage(f"installing {runtime} ({where.backend}); once, some minutes")
        installed = environments.install(where, progress)
    return where.python, installed


def backend_of(runtime: str, asked: str) -> str:
    """The backend to build for: as asked, or what suits the machine."""
    return choosing.choice_of(runtime, asked, paths.cache()).backend


def _measure(prepared: Prepared, ids: Ids, vocabulary: int, progress: Progress) -> Path:
    request, suite = prepared.request, prepared.suite.suite
    settings = _filled(prepared.given, prepared.adapter, prepared.choice, prepared.cores, required_context(suite, ids))
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
    if request.against is not None:
        baseline.refuse_other_work(request.against, plan_for(triple, ids, 0))
    rig_run = None if prepared.signers is None else rig_runs.following(prepared.signers.place)
    journal = _journal(prepared, seed)
    # A number of processes that was asked for is run in full, unless a budget was asked for, too.
    budget = request.budget_s if request.processes is not None else request.budget_s or suite.budget_s
    before, environment = read_load(), snapshot.capture()
    progress.stage(f"measuring {prepared.suite.label}")
    told = Told(prepared.identity)

    def loaded(facts: Mapping[str, Any]) -> None:
        told.hear(facts)
        unchanged.refuse_changed(prepared.model_path, prepared.files, prepared.identity.files)

    outcome = Measuring(
        interpreter=prepared.interpreter,
        plan_for=lambda process, probe: plan_for(triple, ids, process, probe),
        headline=suite.headline,
        rule=baseline.rule(request, prepared.suite),
        budget_s=budget,
        deadlines=request.deadlines,
        journal=journal,
        progress=progress,
        cores=prepared.cores,
        loaded=loaded,
        admit=lambda frame: _admit(frame, prepared),
    ).run()
    unchanged.refuse_changed(prepared.model_path, prepared.files, prepared.identity.files)
    after = read_load()
    progress.stage("measuring the memory's bandwidth")
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
    build = "" if prepared.installed is None else prepared.installed.built_wheel_sha256
    note = private.make(tuple(evidence.facts.get("device_ids") or ()), build)
    payload, samples, name = assemble(evidence, note)
    path = store.write(request.results, name, payload, samples, _signed(payload, prepared.signers))
    private.write(path.parent, note)
    if prepared.signers is not None and rig_run is not None:
        rig_runs.note(prepared.signers.place, rig_run, digest(payload))
    journal.discard()
    return path


def _admit(frame: Frame, prepared: Prepared) -> None:
    """What the worker says of itself before its first trial: nothing that names anybody, and the device that was asked for."""
    admit(frame, prepared.suite)
    if frame.kind == "loaded":
        asked = wants_gpu(prepared.choice.backend, prepared.given)
        kinds = {str(device["kind"]) for device in frame.header["facts"]["devices"]}
        refuse_other_devices(prepared.choice.backend, asked, kinds)


def _seed(request: Request, suite: Suite) -> int:
    """Of the order of trials: as asked, or by the challenge, or the suite's."""
    if request.challenge is not None:
        return suites.challenge_seed(request.challenge)
    return suite.seed if request.seed is None else request.seed


def _signed(payload: bytes, signers: Signers | None) -> bytes | None:
    return None if signers is None else envelope.sign(payload, [signers.operator, signers.rig]).to_bytes()


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
        "schema": SCHEMA_VERSION,
    }
    if request.resume:
        return Journal.resume(request.results, identity, or_new=request.or_new)
    return Journal.create(request.results, identity)


def _token_key(tokenizer: str, suite: Loaded) -> str:
    return sha256(f"{tokenizer}:{suite.sha256}".encode()).hexdigest()[:24]


def _ids(prepared: Prepared, cache: Path, progress: Progress) -> tuple[dict[str, tuple[int, ...]], int]:
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
        progress.stage("turning the prompts into token ids; once for this model and suite")
        found: dict[str, list[int]] = {}
        vocabulary = 0

        def on_frame(frame: Frame) -> None:
            nonlocal vocabulary
            _admit(frame, prepared)
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
        ended = run_worker(prepared.interpreter, plan, prepared.request.deadlines, on_frame)
        if ended.error is not None:
            raise ended.error
        if not found:
            raise RunFailed("the worker gave no token ids", where="tokenising")
        return tokens.Tokenised(found, vocabulary)

    return tokens.tokens(cache, key, texts_of(suite.suite), tokenise)
