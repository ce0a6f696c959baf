"""`repro fit`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from harness.terminal.backend_option import backend_option
from harness.terminal.part_options import count_option, device_option, memory_option


@click.command()
@click.argument("model")
@click.option(
    "--context",
    type=click.IntRange(1, 1 << 25),
    metavar="N",
    help="Tokens; default: 4096, or what it was trained for, where that is less.",
)
@click.option("--runtime", default="llama.cpp", show_default=True, help="Runtime that is to hold it.")
@backend_option
@click.option("--kv-type", metavar="TYPE", help="Type of the KV cache: f16, q8_0, …; sets the runtime's own options.")
@click.option(
    "-o", "--option", "settings", multiple=True, metavar="NAME=VALUE", help="Set an option of the runtime; repeatable."
)
@device_option("Ask for a part of the device table, not for this machine.")
@memory_option
@count_option("So many of --device, each with a part of the model.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def fit(
    model: str,
    context: int | None,
    runtime: str,
    backend: str,
    kv_type: str | None,
    settings: tuple[str, ...],
    device: str,
    memory_gib: float | None,
    count: int,
    as_json: bool,
) -> None:
    """MODEL is a catalogue id, a path, hf:owner/name[@revision][:QUANTISATION or /file], or ollama:name[:tag]. Of a model of
    Hugging Face the header is read alone, no weights are fetched. What is not known is said to be unknown.
    """
    from harness import paths
    from harness.errors import BadInput
    from harness.run.prepare.fit import Question, ask
    from harness.terminal.console import out, print_json
    from harness.terminal.fit import print_fit, to_json
    from runtimes.releases import split
    from runtimes.table import find

    if memory_gib is not None and not device:
        raise BadInput(
            "is the memory of --device", where=f"--memory {memory_gib:g}", fix="name the device, or leave it out"
        )
    if kv_type is not None:
        settings = (*settings, *_kv_settings(kv_type, find(split(runtime).name).options, runtime))
    found = ask(Question(model, runtime, settings, backend, context, device, memory_gib, count), paths.cache())
    if as_json:
        print_json(to_json(found))
    else:
        print_fit(out(), found)


def _kv_settings(kind: str, declared: Mapping[str, Any], runtime: str) -> tuple[str, ...]:
    """The options of the runtime that set the type of its cache. Raises `BadInput` for a runtime without any."""
    from harness.errors import BadInput

    if "type_k" in declared:
        return (f"type_k={kind}", f"type_v={kind}")
    if "kv_cache_dtype" in declared:
        return (f"kv_cache_dtype={kind}",)
    fix = "leave it out: the cache has the type of the weights"
    raise BadInput(f"{runtime} has no option for it", where=f"--kv-type {kind}", fix=fix)
