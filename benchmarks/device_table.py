"""What the device table's bounds say of the rates in a table of published llama-bench results: whom they accuse, and how near.

Beside what can't be, two oddities are named that break no bound: a size that contradicts its label, and a single GPU that
decodes like a processor.

The table is `configs/evidence/llama-bench.csv`, or a file of the same columns. A row is judged where the table knows the part and
the model tells what a token reads at least; the others are counted by what is not known of them.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.catalog import devices
from harness.paths import configs
from harness.registry.intake.plausibility import MARGIN

GIB = 1 << 30
ROWS = configs() / "evidence" / "llama-bench.csv"

# What a collector called a machine → what the driver calls its GPU. Only labels that say more than the name are here.
LABELS: Mapping[str, str] = {
    "AMD Instinct MI50/MI60 class (gfx906)": "AMD Instinct MI60",  # all of that class have its memory
    "AMD Ryzen 7 8840U / Radeon 780M": "AMD Radeon 780M Graphics",
    "AMD Ryzen AI Max+ 395 / Radeon 8060S (Strix Halo)": "AMD Radeon 8060S Graphics",
    "Apple M2 (MacBook Air)": "Apple M2",
    "Apple M5 Max (MacBook Pro)": "Apple M5 Max",
    "Arm Mali-G78 phone GPU (Google Tensor class)": "Mali-G78",
    "NVIDIA DGX Spark (GB10)": "NVIDIA GB10",
    "Qualcomm Adreno 840": "Adreno (TM) 840",
    "Qualcomm Snapdragon 8 Gen 3 (Xiaomi 14), Adreno 750": "Adreno (TM) 750",
}
# Experts: billions of parameters that a token passes through, by what llama-bench calls the model.
EXPERTS: Sequence[tuple[str, float]] = (
    (r"gpt-oss 20b", 3.6), (r"gpt-oss 120b", 5.1), (r"deepseek2 671b", 37), (r"deepseek2 16b", 2.4), (r"17bx16e", 17),
    (r"hunyuan-moe a13b", 13),
)  # fmt: skip
OF_UNKNOWN_SHARE = re.compile(r"moe \?b|deepseek4|gemma3n|moe, probably|pruned", re.IGNORECASE)
# Of a dense model's bytes an embedding that is looked up, not multiplied, is not read: at most this share is left out.
SMALL_B, LEAST_OF_SMALL, LEAST_OF_LARGE = 3.0, 0.75, 0.88
# Least bits of a weight, by what the label begins with, where the size is not given.
BITS: Mapping[str, float] = {
    "all F32": 32, "F16": 16, "BF16": 16, "Q8_0": 8.5, "Q6_K": 6.56, "Q5_K": 5.5, "Q4_1": 5, "Q4_0": 4.5, "Q4_K": 4.5,
    "IQ4_NL": 4.5, "IQ4_XS": 4.25, "Q3_K": 3.44, "Q2_K": 2.6,
}  # fmt: skip
# Bits of a weight by label as files have them on the whole, some of their tensors being in another type.
USUAL_BITS: Mapping[str, float] = {
    "all F32": 32, "F16": 16, "BF16": 16, "Q8_0": 8.5, "Q6_K": 6.56, "Q5_K": 5.6, "Q4_0": 4.5, "Q4_K": 4.85, "Q3_K": 3.9,
    "Q2_K": 2.96,
}  # fmt: skip
LEAST_OF_LABEL, MOST_OF_LABEL = 0.8, 1.3
# Below this share of its bandwidth a GPU that reads this much for a token was probably not the one that computed.
SLOW_SHARE, SLOW_BYTES = 0.15, 2.5e9


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one row: the share of its bound that it claims, or what is not known."""

    row: Mapping[str, str]
    share: float | None
    unknown: str = ""

    @property
    def accused(self) -> bool:
        """Whether no such device can do it."""
        return self.share is not None and self.share > 1 + MARGIN

    @property
    def slow(self) -> bool:
        """Whether one GPU alone decoded at a processor's rate, without a long context that would explain it."""
        row, size = self.row, least_bytes(self.row)
        alone = row["device_count"] == "1" and re.fullmatch(r"tg[^@]*", row["test"]) is not None
        return alone and self.share is not None and self.share < SLOW_SHARE and size is not None and size > SLOW_BYTES

    @property
    def mislabelled(self) -> bool:
        """Whether the file's size contradicts the quantisation that it is called."""
        row = self.row
        usual = next((bits for label, bits in USUAL_BITS.items() if row["quantisation"].startswith(label)), None)
        if usual is None or not row["size_gib"] or not row["params_b"]:
            return False
        bits = float(row["size_gib"]) * GIB * 8 / (float(row["params_b"]) * 1e9)
        return not LEAST_OF_LABEL < bits / usual < MOST_OF_LABEL


def judge(row: Mapping[str, str]) -> Verdict:
    """Decode against memory and prefill against arithmetic, as `harness.tiers.physics` has them."""
    if row["apart"] == "1":
        return Verdict(row, None, "part of it, or all, ran on a processor")
    part = part_of(row["device"])
    if part is None:
        return Verdict(row, None, "no part of the table")
    count, rate = int(row["device_count"]), float(row["tokens_per_s"])
    if re.match(r"tg[ \d]", row["test"]):
        size = least_bytes(row)
        if size is None:
            return Verdict(row, None, "what a token reads")
        if part.bound_bytes_per_s is None:
            return Verdict(row, None, "the part's bandwidth")
        return Verdict(row, rate * size / (count * part.bound_bytes_per_s))
    if re.fullmatch(r"pp\d+( @ d\d+)?", row["test"]):
        active = active_parameters(row)
        if active is None:
            return Verdict(row, None, "what a token passes through")
        if not part.peak_flops:
            return Verdict(row, None, "the part's arithmetic")
        return Verdict(row, rate * 2 * active / (count * max(part.peak_flops.values())))
    return Verdict(row, None, "prefill and decode in one figure")


def part_of(label: str) -> devices.Device | None:
    """The part that a collector's label names; of several the fastest."""
    return devices.find(LABELS.get(label, label))


def active_parameters(row: Mapping[str, str]) -> float | None:
    """Parameters that a token passes through at least, without an embedding."""
    if OF_UNKNOWN_SHARE.search(row["model"]) or not row["params_b"]:
        return None
    parameters = float(row["params_b"])
    told = re.search(r"\bA(\d+(?:\.\d+)?)B", row["model"])
    experts = next((active for name, active in EXPERTS if re.search(name, row["model"], re.IGNORECASE)), None)
    if told or experts:
        return 0.9e9 * (float(told[1]) if told else experts or 0)
    return parameters * 1e9 * (LEAST_OF_SMALL if parameters < SMALL_B else LEAST_OF_LARGE)


def least_bytes(row: Mapping[str, str]) -> float | None:
    """Bytes that a decoded token reads at least: the model's, by the share of its parameters; the KV cache is left out."""
    active = active_parameters(row)
    if active is None:
        return None
    parameters = float(row["params_b"]) * 1e9
    if row["size_gib"]:
        return float(row["size_gib"]) * GIB * active / parameters
    bits = next((bits for label, bits in BITS.items() if row["quantisation"].startswith(label)), None)
    return None if bits is None else active * bits / 8


def read(path: Path) -> list[dict[str, str]]:
    """The rows of the file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def page(verdicts: Sequence[Verdict], command: str) -> list[str]:
    """The figures as Markdown."""
    judged = [verdict for verdict in verdicts if verdict.share is not None]
    accused = [verdict for verdict in judged if verdict.accused]
    parts = devices.table()
    with_bandwidth = sum(part.bandwidth_bytes_per_s is not None for part in parts)
    with_peaks = sum(bool(part.peak_flops) for part in parts)
    lines = [
        "# The device table against published rates",
        "",
        f"Made by `{command}`: {len(verdicts)} published rows, none of them measured by us. A row is accused where its rate is",
        f"more than {MARGIN:.0%} above what its part's memory (decode) or arithmetic (prefill) allows.",
        "",
        f"The table holds {len(parts)} parts, {with_bandwidth} with a bandwidth, {with_peaks} with peaks.",
        "",
        "| rows | number |",
        "|---|--:|",
        f"| judged | {len(judged)} |",
        f"| accused | {len(accused)} |",
        f"| named: size contradicts label | {sum(verdict.mislabelled for verdict in verdicts)} |",
        f"| named: one GPU as slow as a processor | {sum(verdict.slow for verdict in verdicts)} |",
    ]
    unknown = Counter(verdict.unknown for verdict in verdicts if verdict.share is None)
    lines += [f"| not judged: {why} | {count} |" for why, count in unknown.most_common()]
    lines += ["", "## Accused", "", "| device | model | test | tokens/s | times the bound |", "|---|---|---|--:|--:|"]
    lines += [_line(verdict) for verdict in accused] or ["| none | | | | |"]
    for title, named in (
        ("Size contradicts label", [verdict for verdict in verdicts if verdict.mislabelled]),
        ("One GPU as slow as a processor", [verdict for verdict in verdicts if verdict.slow]),
    ):
        kinds = Counter((v.row["device"], v.row["model"], v.row["quantisation"], v.row["size_gib"]) for v in named)
        lines += ["", f"## {title}", "", "| device | model | GiB | rows |", "|---|---|--:|--:|"]
        lines += [
            f"| {who} | {model} {label} | {size} | {n} |" for (who, model, label, size), n in sorted(kinds.items())
        ]
    lines += ["", "## Nearest to its bound, by part", "", "| part | rows | nearest | test | share of the bound |"]
    lines += ["|---|--:|---|---|--:|", *_nearest(judged)]
    names = sorted({verdict.row["device"] for verdict in verdicts if verdict.unknown == "no part of the table"})
    lines += ["", "## Labels that name no part of the table", "", ", ".join(names) or "none"]
    return lines


def _line(verdict: Verdict) -> str:
    row, share = verdict.row, verdict.share or 0
    return f"| {row['device']} | {row['model']} {row['quantisation']} | {row['test']} | {row['tokens_per_s']} | {share:.2f} |"


def _nearest(judged: Iterable[Verdict]) -> list[str]:
    by_part: dict[str, list[Verdict]] = {}
    for verdict in judged:
        part = part_of(verdict.row["device"])
        if part is not None and not verdict.accused:
            by_part.setdefault(part.sku, []).append(verdict)
    lines = []
    for sku, found in sorted(by_part.items()):
        best = max(found, key=lambda verdict: verdict.share or 0)
        model = f"{best.row['model']} {best.row['quantisation']}"
        lines.append(f"| {sku} | {len(found)} | {model} | {best.row['test']} | {best.share or 0:.2f} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, default=ROWS)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    text = "\n".join(page([judge(row) for row in read(chosen.rows)], "python benchmarks/device_table.py")) + "\n"
    if chosen.out:
        chosen.out.write_text(text, encoding="utf-8")
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
