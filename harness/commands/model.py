"""`repro model`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path

    from harness.catalog.models import Reference
    from harness.progress import Progress


@click.group()
def model() -> None:
    """A model is an entry of the catalogue, files on this machine, or a repository of Hugging Face."""


@model.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List the models of the catalogue."""
    from harness.catalog import models
    from harness.terminal.console import out, print_json

    found = [models.load(name) for name in models.names()]
    if as_json:
        print_json([entry.model_dump(mode="json") for entry in found])
        return
    width = max(len(entry.id) for entry in found)
    for entry in found:
        size = f"{sum(file.size for file in entry.files) / 2**20:.0f} MiB"
        out().print(
            f"{entry.id:{width}} {entry.variant:9} {entry.quantisation:8} {size:>9}  {entry.licence.name}", markup=False
        )


@model.command()
@click.argument("reference")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(reference: str, as_json: bool) -> None:
    """Show what a model is, read from its file.

    REFERENCE is a catalogue id, a path, hf:owner/name[@revision][:QUANTISATION or /file], or ollama:name[:tag]; what is
    not here is downloaded.
    """
    from harness import paths
    from harness.catalog import identity, models
    from harness.terminal.console import err, out, print_json
    from harness.terminal.progress import shown

    found = models.resolve(reference)
    with shown() as progress:
        who = identity.identify(found, _fetched(found, progress), paths.cache())
    if as_json:
        print_json(who.to_json())
        return
    for name, value in who.to_json().items():
        out().print(f"{name:28} {value}", markup=False)
    for remark in who.remarks:
        err().print(f"label contradicted: {remark}", markup=False)


@model.command()
@click.argument("reference")
def fetch(reference: str) -> None:
    """Download a model into the cache and check its digest.

    REFERENCE is a catalogue id, or hf:owner/name[@revision][:QUANTISATION or /file]. Continues a download that stopped.
    """
    from harness.catalog import models
    from harness.terminal.console import out
    from harness.terminal.progress import shown

    with shown() as progress:
        path = _fetched(models.resolve(reference), progress)
    out().print(str(path), markup=False)


@model.command()
@click.argument("reference")
@click.option(
    "--runtime", default="pytorch", show_default=True, help="Runtime that converts it, in its own environment."
)
def prepare(reference: str, runtime: str) -> None:
    """Convert a GGUF to bf16 safetensors, for other runtimes.

    REFERENCE is a catalogue id, a path, or a reference as in `repro model show`. The result stays in the cache; `repro bench`
    converts by itself, too, when it needs to.
    """
    from harness import paths
    from harness.catalog import identity, models
    from harness.errors import BadInput
    from harness.run.bench import interpreter_for
    from harness.run.prepare import convert
    from harness.terminal.console import out
    from harness.terminal.progress import shown
    from runtimes.table import find

    found = models.resolve(reference)
    if not find(runtime).capabilities.converts:
        raise BadInput(f"{runtime} cannot convert models", where="--runtime", fix="use pytorch or vllm")
    with shown() as progress:
        path = _fetched(found, progress)
        who = identity.identify(found, path, paths.cache())
        if who.format != "gguf":
            raise BadInput(f"is in {who.format} already", where=reference, fix="measure it as it is")
        convert.refuse_shards(who)
        interpreter = interpreter_for(runtime, paths.cache(), progress)
        made = convert.prepare(runtime, who, path, interpreter, paths.cache(), progress)
        who = identity.identify(found, made, paths.cache())
    out().print(f"{who.name}: {who.quantisation}, sha256 {who.sha256}", markup=False)
    out().print(str(made), markup=False)


@model.command()
@click.argument("identifier")
def verify(identifier: str) -> None:
    """Hash a cached model's files again and compare their digests.

    IDENTIFIER is a catalogue id. Exit status 2 on a mismatch.
    """
    from harness import paths
    from harness.catalog import fetch, models
    from harness.terminal.console import out
    from harness.terminal.progress import shown

    entry = models.load(identifier)
    with shown() as progress:
        fetch.verify(entry, paths.cache(), progress, again=True)
    for file in entry.files:
        out().print(f"{file.name}: sha256 {file.sha256} as in the catalogue", markup=False)


@model.command()
@click.argument("reference")
@click.option("--id", "identifier", default="", help="Name of the entry; made from the model's name by default.")
def add(reference: str, identifier: str) -> None:
    """Add a model of Hugging Face to your own catalogue.

    REFERENCE is hf:owner/name[@revision][:QUANTISATION or /file]. The model is fetched and checked; the entry pins the
    commit. Afterwards the id will do wherever a model is named.
    """
    from harness import paths
    from harness.catalog import entry, identity, models
    from harness.terminal.console import out
    from harness.terminal.progress import shown

    found = models.resolve(reference)
    entry.refuse_other_than_hugging_face(found, reference)
    if identifier:
        entry.refuse_id(identifier)  # before anything is fetched
    with shown() as progress:
        path = _fetched(found, progress)
        who = identity.identify(found, path, paths.cache())
    made = entry.of(who, path, identifier)
    out().print(str(entry.write(made)), markup=False)
    out().print(f"{made.id}: {made.variant}, {made.quantisation}, {made.licence.name}", markup=False)


def _fetched(reference: Reference, progress: Progress) -> Path:
    from harness import paths
    from harness.catalog import fetch, models

    path = fetch.fetch(reference, paths.cache(), progress)
    if isinstance(reference, models.Model):
        fetch.verify(reference, paths.cache(), progress)
    return path
