"""What the search for copied and invented samples catches, and how often it accuses honest records.

Simulated, so the figures belong to the generators in `tests/simulation/forgers.py` and to no machine.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from harness.tiers.gaps import Gaps, group_median
from harness.tiers.likeness import Fingerprint, between, compare_with, fingerprint
from harness.tiers.oddities import oddities
from tests.simulation import forgers

LOOKS = (1, 20_000, 1_000_000)  # pairs looked at in all, for which the limit is corrected
SHAPES = ((3, 128), (9, 128), (10, 128), (24, 256))
NOISES = (0, 1, 2, 3, 4, 5, 6, 8)
MEMBERS = 8  # of the group in which a copy is sought


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--groups", type=int, default=50, help="of 64 honest records each")
    parser.add_argument("--forged", type=int, default=400, help="of each kind")
    parser.add_argument("--seed", type=int, default=20261124)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    rng = np.random.default_rng(chosen.seed)
    lines = [
        "# Copied and invented samples",
        "",
        f"Made by `python benchmarks/likeness.py --groups {chosen.groups} --forged {chosen.forged} --seed {chosen.seed}`.",
        "Simulated against a known truth (`tests/simulation/forgers.py`): the figures belong to no machine. Records of 10 trials",
        "of 128 gaps where nothing else is said, copies sought in groups of 8. Noise is in deviations of the copied record's own",
        "residuals: robust ones (1.4826 · MAD), or plain ones, which its spikes make several times as large.",
        "",
        *honest_pairs(rng, chosen.groups),
        *copies(rng, chosen.forged),
        *noises(rng, chosen.forged),
        *shapes(rng, chosen.forged),
        *inventions(rng, chosen.forged),
    ]
    page = "\n".join(lines) + "\n"
    print(page)
    if chosen.out:
        chosen.out.write_text(page)


def honest_pairs(rng: np.random.Generator, groups: int) -> list[str]:
    """False alarms over every pair within the groups, with the upper end of their exact 95 % interval (Clopper-Pearson)."""
    from scipy import stats

    alarms, pairs = dict.fromkeys(LOOKS, 0), 0
    for _ in range(groups):
        records = forgers.group(rng, 64)
        shared = group_median(records)
        known = [fingerprint(record, shared) for record in records]
        for i, one in enumerate(known):
            for other in known[:i]:
                pairs += 1
                for looks in LOOKS:
                    alarms[looks] += between("x", one, other, looks) is not None
    lines = [
        "| pairs that the limit is corrected for | honest pairs | flagged | at most (95 %), a pair |",
        "|---|---|---|---|",
    ]
    for looks, found in alarms.items():
        most = float(stats.beta.ppf(0.975, found + 1, pairs - found))
        lines.append(f"| {looks:,} | {pairs:,} | {found} | {most:.1e} |")
    return [*lines, ""]


def caught(records: list[Gaps], copied: Gaps) -> str:
    """The kind of likeness to the first record; empty where the copy goes unseen."""
    found = compare_with("copy", copied, {str(i): record for i, record in enumerate(records)}, 1)
    return next((likeness.kind for likeness in found if likeness.other == "0"), "")


def copies(rng: np.random.Generator, forged: int) -> list[str]:
    """Every kind of copy."""
    lines = ["| copy | caught | caught, or odd by itself | mostly as |", "|---|---|---|---|"]
    for name, forge in forgers.COPIES.items():
        kinds, noticed = [], 0
        for _ in range(forged):
            records = forgers.group(rng, MEMBERS)
            copied = forge(rng, records[0])
            kinds.append(caught(records, copied))
            noticed += bool(kinds[-1] or oddities(copied))
        seen = [kind for kind in kinds if kind]
        shares = f"{len(seen) / forged:.1%} | {noticed / forged:.1%}"
        lines.append(f"| {name} | {shares} | {max(set(seen), key=seen.count) if seen else '–'} |")
    return [*lines, ""]


def noises(rng: np.random.Generator, forged: int) -> list[str]:
    """Share caught by noise and by the number of pairs that the limit is corrected for."""
    lines = [
        "| noise, deviations | " + " | ".join(f"corrected for {looks:,}" for looks in LOOKS) + " |",
        "|---" * 4 + "|",
    ]
    for k in NOISES:
        found = dict.fromkeys(LOOKS, 0)
        for _ in range(forged):
            records = forgers.group(rng, MEMBERS)
            own, original = prints(records, forgers.jittered(rng, records[0], k))
            for looks in LOOKS:
                found[looks] += between("0", own, original, looks) is not None
        lines.append(f"| {k} | " + " | ".join(f"{found[looks] / forged:.1%}" for looks in LOOKS) + " |")
    return [*lines, ""]


def prints(records: list[Gaps], copied: Gaps) -> tuple[Fingerprint, Fingerprint]:
    """Of the copy and of what it copies."""
    shared = group_median([copied, *records])
    return fingerprint(copied, shared), fingerprint(records[0], shared)


def shapes(rng: np.random.Generator, forged: int) -> list[str]:
    """Share caught by the size of the record, its trials in their places and reordered."""
    lines = ["| trials × gaps | " + " | ".join(f"noise of {k}" for k in (1, 3, 5)) + " | reordered, noise of 3 |"]
    lines.append("|---" * 5 + "|")
    for trials, tokens in SHAPES:
        cells = []
        for k, forge in ((1, None), (3, None), (5, None), (3, forgers.reordered)):
            found = 0
            for _ in range(forged):
                records = forgers.group(rng, MEMBERS, trials, tokens)
                taken = forge(rng, records[0]) if forge else records[0]
                found += between("0", *prints(records, forgers.jittered(rng, taken, k)), 1) is not None
            cells.append(f"{found / forged:.1%}")
        lines.append(f"| {trials} × {tokens} | {' | '.join(cells)} |")
    return [*lines, ""]


def inventions(rng: np.random.Generator, forged: int) -> list[str]:
    """Single records: what is made up, and honest ones for the false flags."""
    lines = ["| samples | flagged | mostly as |", "|---|---|---|"]
    honest = [oddities(record) for _ in range(forged) for record in forgers.group(rng, 5)]
    lines.append(f"| honest ({len(honest):,} records) | {np.mean([bool(found) for found in honest]):.1%} | – |")
    for name, forge in forgers.INVENTIONS.items():
        flags = [oddities(forge(rng, 10 ** rng.uniform(6.3, 7.7))) for _ in range(forged)]
        codes = [one.code for found in flags for one in found]
        share = float(np.mean([bool(found) for found in flags]))
        lines.append(f"| {name} | {share:.1%} | {max(set(codes), key=codes.count) if codes else '–'} |")
    return lines


if __name__ == "__main__":
    main()
