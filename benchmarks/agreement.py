"""Do engines compute the same of the very same GGUF? A run of each; its greedy ids and the probe's likelihood held together."""

from __future__ import annotations

import argparse
from pathlib import Path

import machine

from harness.compare.agreement import PairAgreement, agree
from harness.progress import SILENT
from harness.record import store
from harness.record.store import Stored
from harness.run.bench import bench
from harness.run.request import Request

MODEL = "smollm2-135m-instruct-q4_1"
SUITE = Path(__file__).parent / "suites" / "agreement-v1.toml"
RUNTIMES = ("llama.cpp", "mistralrs", "openvino")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runtimes", nargs="+", default=list(RUNTIMES), help="the first is the reference")
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--threads", type=int, default=1, help="of every engine")
    parser.add_argument(
        "--results", type=Path, default=Path("results/agreement"), help="what is there is not run again"
    )
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    found = [_record(name, chosen.model, chosen.threads, chosen.results) for name in chosen.runtimes]
    text = _page(chosen.model, found, f"python benchmarks/agreement.py --runtimes {' '.join(chosen.runtimes)}")
    print(text)
    if chosen.out is not None:
        chosen.out.write_text(text)


def _record(runtime: str, model: str, threads: int, results: Path) -> Stored:
    place = results / runtime
    kept = sorted(place.glob("*/record.json"))
    if kept:
        return store.read(kept[-1])
    request = Request(
        model=model, runtime=runtime, suite=str(SUITE), processes=1, settings=(f"threads={threads}",), results=place
    )
    return store.read(bench(request, SILENT))


def _page(model: str, found: list[Stored], command: str) -> str:
    reference, *others = found
    pairs = [agree(reference.record, other.record) for other in others]
    lines = [
        f"# Agreement of engines on {model}",
        "",
        f"Made by `{command}`.",
        f"{machine.line()}.",
        "The same file in every engine, by its digest; greedy, one process each. What `repro agree` says of the records: where",
        "the ids of an answer differ first, and how far the mean negative log-likelihoods of the suite's probe lie apart.",
        "",
        f"| runtime | engine | computes in, cache | {' | '.join(_workloads(pairs))} | probe, nats a token | apart | verdict |",
        "|---|---|---|" + "---|" * len(_workloads(pairs)) + "---|---|---|",
        _row(reference, None, _workloads(pairs)),
        *(_row(other, pair, _workloads(pairs)) for other, pair in zip(others, pairs, strict=True)),
        "",
        *(f"- `{other.record.runtime.name}`: {pair.text}." for other, pair in zip(others, pairs, strict=True)),
    ]
    return "\n".join(lines) + "\n"


def _workloads(pairs: list[PairAgreement]) -> list[str]:
    return sorted({one.workload for pair in pairs for one in pair.workloads})


def _row(one: Stored, pair: PairAgreement | None, workloads: list[str]) -> str:
    runtime, record = one.record.runtime, one.record
    settings = runtime.settings
    types = f"{settings.get('dtype') or 'by weight'}, {settings.get('type_k')}/{settings.get('type_v')}"
    nll = record.probe.mean_nll_micronats if record.probe is not None else None
    said, apart, verdict = dict.fromkeys(workloads, "reference"), "", "reference"
    if pair is not None:
        for w in pair.workloads:
            said[w.workload] = (
                f"all {w.compared} equal" if w.first_mismatch is None else f"token {w.first_mismatch} of {w.compared}"
            )
        both = pair.probe is not None and pair.probe_reference
        apart = f"{pair.probe / pair.probe_reference - 1:+.3%}" if both else "unknown"  # type: ignore[operator]
        verdict = str(pair.verdict)
    shown = "unknown" if nll is None else f"{nll / 1e6:.4f}"
    cells = (
        runtime.name,
        f"{runtime.engine} {runtime.version}",
        types,
        *(said[name] for name in workloads),
        shown,
        apart,
        verdict,
    )
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
