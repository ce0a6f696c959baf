"""`repro forecast`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from harness.terminal.part_options import count_option, device_option, memory_option

if TYPE_CHECKING:
    from harness.forecast.values import Point


@click.command()
@click.argument("model")
@device_option("A part of the device table; default: this machine.")
@memory_option
@count_option("So many of --device, each with a part of the layers.")
@click.option("--runtime", default="llama.cpp", show_default=True, help="Runtime that is to run it.")
@click.option(
    "--backend",
    type=click.Choice(("auto", "cpu", "cuda", "rocm", "vulkan", "metal", "sycl", "opencl")),
    default="auto",
    show_default=True,
    help="Kernels that compute; auto: the usual ones of the device's vendor.",
)
@click.option(
    "--context",
    type=click.IntRange(1, 1 << 25),
    metavar="N",
    help="Tokens of the prompt, and before the decoded ones; default: 4096, or what it was trained for, where that is less.",
)
@click.option("--registry", "target", metavar="PLACE", help="Rest on its accepted records, too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def forecast(
    model: str,
    device: str,
    memory_gib: float | None,
    count: int,
    runtime: str,
    backend: str,
    context: int | None,
    target: str | None,
    as_json: bool,
) -> None:
    """MODEL is what `repro fit` takes; its header is read alone. The intervals come from measurements of others on devices and
    models like these, made so that in so many of a hundred such forecasts the measured rate lies inside. Nothing is measured but,
    without --device, this machine's memory bandwidth, for about two seconds. A forecast is never a record.
    """
    from harness import paths
    from harness.run.prepare.fit import Question
    from harness.run.prepare.forecast import ask
    from harness.terminal.console import out, print_json
    from harness.terminal.forecast import print_forecast, to_json

    records = () if target is None else _accepted(target)
    outlook = ask(Question(model, runtime, (), backend, context, device, memory_gib, count), paths.cache(), records)
    if as_json:
        print_json(to_json(outlook))
    else:
        print_forecast(out(), outlook)


def _accepted(target: str) -> tuple[Point, ...]:
    """The rates of a registry's accepted records, without those that do not hold. Raises `BadInput`."""
    from harness.extras import needs

    needs("registry", "forecast --registry")
    from harness.registry.queries import rates
    from harness.terminal.registry_option import open_for_reading, reading, say

    with reading(open_for_reading(target)) as (reader, left_out):
        say(left_out)
        return rates.points(reader)
