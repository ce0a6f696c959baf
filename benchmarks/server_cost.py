"""What a server costs: the same engine on the same weights behind HTTP and in process, in turns, trial by trial.

llama-server is the one that is built beside the runtime llama.cpp, on its very libraries; `vllm serve` comes from the environment
of the runtime vllm. The stamps of the server are its client's, which is the worker that holds the engine, too.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import alternate
import machine
from pairs import Ratio, Series, mean_ratio
from rig import MODEL, Rig, ready

ROUND = 5  # pairs of each quantity in turn
SERVERS = {"llama-server": "llama.cpp", "vllm-server": "vllm"}
TITLES = {
    "decode": ("greedy decode, {output} tokens after 16, tokens/s", "tokens/s"),
    "prefill": ("prefill of {prompt} tokens, tokens/s", "tokens/s"),
    "ttft": ("time to the first token of a prompt of 16, ms", "ms"),
}


def options_of(server: str, threads: int, room: int) -> dict[str, object]:
    """The same for both."""
    if server == "vllm-server":
        return {"threads": threads, "context": room, "kv_space_mib": 512}
    return {"threads": threads, "context": room, "flash_attn": "on"}


def measured(rig: Rig, chosen: argparse.Namespace) -> dict[str, Series]:
    """The pairs of each quantity, in rounds, so that all of them see the same hour."""
    room = -(-(chosen.prompt + chosen.output) // 256) * 256
    own = {"binary": chosen.binary} if chosen.binary else {}
    arguments = [
        chosen.runtime, SERVERS[chosen.runtime], str(rig.model), rig.format, str(chosen.prompt), str(chosen.output),
        json.dumps(options_of(chosen.runtime, chosen.threads, room)), json.dumps(own),
    ]  # fmt: skip
    made = {name: Series() for name in TITLES}
    with alternate.peer(rig, "server_cost.py", arguments) as source:
        left, until = chosen.pairs, time.monotonic() + chosen.limit_s
        while left and time.monotonic() < until:
            count = min(left, ROUND)
            for name, series in made.items():
                source.add(name, count, series)
            left -= count
    return made


def page(chosen: argparse.Namespace, made: dict[str, Series], command: str, before: str) -> str:
    """The table; a ratio above 1 is the server's larger number."""
    engine, build = SERVERS[chosen.runtime], "the same libraries"
    if chosen.binary:
        build = "another build: -o binary"
    elif chosen.runtime == "vllm-server":
        build = "the same packages; the server's engine in a process of its own, with its scheduler"
    converted = " as bf16" if chosen.runtime == "vllm-server" else ""
    lines = [
        f"## {chosen.runtime} against {engine}", "", f"Made by `{command}`.", f"{machine.line()}; {before}.",
        f"Model {MODEL}{converted}, threads: {chosen.threads}; {build}. In the order ABBA or BAAB by chance; the median of the"
        " ratios over pairs with its order-statistic interval of 95 %.", "",
        "| what | pairs | server | in process | server / in process, median [95 %] | geometric mean [95 %] |",
        "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name, series in made.items():
        title = TITLES[name][0].format(prompt=chosen.prompt, output=chosen.output)
        found: Ratio = series.ratio()
        lines.append(
            f"| {title} | {found.pairs} | {median(series.ours):.4g} | {median(series.its):.4g} | {found}"
            f" | {mean_ratio(series.ours, series.its)} |"
        )
    extra = median([a - b for a, b in zip(made["ttft"].ours, made["ttft"].its, strict=True)])
    step = median([1e3 / a - 1e3 / b for a, b in zip(made["decode"].ours, made["decode"].its, strict=True)])
    lines += [
        "",
        f"A request costs {extra:.2f} ms before its first token, and {step:.3f} ms with each further one (medians over pairs).",
    ]
    return "\n".join(lines) + "\n"


def median(values: list[float]) -> float:
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runtime", choices=SERVERS, default="llama-server")
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--prompt", type=int, default=256, help="tokens of a prefill")
    parser.add_argument("--output", type=int, default=48, help="tokens of a decode")
    parser.add_argument("--limit-s", type=float, default=1800, help="no round is begun after so many seconds")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--binary", help="another llama-server than the one that is built here")
    parser.add_argument("--out", type=Path, help="the page to append to")
    chosen = parser.parse_args()
    rig, before = ready(chosen.runtime), machine.load()
    made = measured(rig, chosen)
    command = (
        f"python benchmarks/server_cost.py --runtime {chosen.runtime} --pairs {chosen.pairs} --prompt {chosen.prompt}"
    )
    command += f" --output {chosen.output} --threads {chosen.threads}{' --binary …' if chosen.binary else ''}"
    text = page(chosen, made, command, before)
    print(text)
    if chosen.out is not None:
        with chosen.out.open("a") as file:
            file.write("\n" + text)


if __name__ == "__main__":
    main()
