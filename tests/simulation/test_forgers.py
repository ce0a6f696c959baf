"""Copies and inventions against a known truth: what is caught, and how seldom honest records are accused. Seeded."""

import re
from pathlib import Path

import numpy as np
import pytest

import harness
from harness.tiers.gaps import group_median
from harness.tiers.likeness import between, compare_with, fingerprint
from harness.tiers.oddities import oddities
from tests.simulation import forgers

DOCS = Path(harness.__file__).parent.parent / "docs"
MEMBERS = 64
GROUPS = 10


def alarms(groups, looks):
    """(flagged, looked at) over all pairs within the groups, the limit corrected for `looks` pairs."""
    flagged = pairs = 0
    for records in groups:
        shared = group_median(records)
        known = [fingerprint(record, shared) for record in records]
        for i, one in enumerate(known):
            for other in known[:i]:
                flagged += between("other", one, other, looks) is not None
                pairs += 1
    return flagged, pairs


def caught(rng, forge, times, **shape):
    """How often a copy is tied to what it copies, how often to another, and as what kinds."""
    right, wrong, kinds = 0, 0, set()
    for _ in range(times):
        records = forgers.group(rng, 4, **shape)
        found = compare_with("copy", forge(rng, records[0]), {str(i): one for i, one in enumerate(records)}, 10)
        right += any(likeness.other == "0" for likeness in found)
        wrong += any(likeness.other != "0" for likeness in found)
        kinds |= {likeness.kind for likeness in found if likeness.other == "0"}
    return right / times, wrong / times, kinds


def test_fewer_than_one_honest_pair_in_ten_thousand_is_flagged():
    rng = np.random.default_rng(11)
    flagged, pairs = alarms((forgers.group(rng, MEMBERS) for _ in range(GROUPS)), looks=1)
    assert pairs == GROUPS * MEMBERS * (MEMBERS - 1) // 2 == 20_160
    assert flagged <= pairs * 1e-4, flagged


@pytest.mark.parametrize(("trials", "tokens"), [(3, 127), (9, 63), (24, 200), (5, 40)])
def test_nor_in_records_of_another_size(trials, tokens):
    rng = np.random.default_rng(12)
    flagged, pairs = alarms((forgers.group(rng, 40, trials, tokens) for _ in range(2)), looks=1)
    assert flagged <= 1, (flagged, pairs)


def test_nor_where_all_machines_remember_for_long():
    # Neighbours at 0.9: without Bartlett's correction chance correlations are three times as wide.
    rng = np.random.default_rng(13)
    records = []
    for _ in range(60):
        drawn = rng.normal(size=(10, 128))
        for t in range(1, 128):
            drawn[:, t] = 0.9 * drawn[:, t - 1] + 0.436 * drawn[:, t]
        records.append(np.rint(1e7 * (1 + 0.01 * drawn)).astype(np.int64))
    flagged, _ = alarms([records], looks=1)
    assert flagged <= 1


def test_a_group_of_two_is_not_flagged_for_sharing_its_own_median():
    rng = np.random.default_rng(14)
    for _ in range(200):
        a, b = forgers.group(rng, 2)
        assert compare_with("a", a, {"b": b}, 1) == []


@pytest.mark.parametrize("k", range(6))
def test_copies_with_noise_up_to_five_deviations_are_caught(k):
    share, wrong, kinds = caught(np.random.default_rng(k), forgers.COPIES[f"noise of {k} deviations"], 250)
    assert share >= 0.99, share
    assert wrong <= 0.01
    assert kinds == {"same samples" if k == 0 else "correlated"}


DISGUISES = {
    "scaled up": ({"same order"}, 0.99),
    "scaled down": ({"same order", "correlated"}, 0.99),
    "shifted": ({"same order"}, 0.99),
    "trials reordered": ({"same samples"}, 0.99),
    "every gap in another place": ({"too similar"}, 0.99),
    "mirrored": ({"correlated"}, 0.99),
    "reordered, noise of 2": ({"correlated"}, 0.99),
    "reordered, noise of 5": ({"correlated"}, 0.60),  # 10! orders to choose from: 22 bits of the evidence are gone
    "reordered, scaled, noise of 3": ({"correlated"}, 0.95),
    "noise of 1 plain deviations": ({"correlated"}, 0.97),
    "one trial of ten, noise of 0.5": ({"correlated"}, 0.40),
}


@pytest.mark.parametrize("name", DISGUISES)
def test_disguised_copies_are_caught(name):
    kinds, least = DISGUISES[name]
    share, wrong, found = caught(np.random.default_rng(21), forgers.COPIES[name], 100)
    assert share >= least, share
    assert wrong <= 0.02
    assert found <= kinds, found


def test_noise_that_drowns_the_copied_spikes_looks_odd_by_itself():
    rng = np.random.default_rng(22)
    drowned = [forgers.drowned(rng, forgers.group(rng, 1)[0], 5) for _ in range(100)]
    assert np.mean([bool(oddities(gaps)) for gaps in drowned]) >= 0.8


@pytest.mark.parametrize("name", forgers.INVENTIONS)
def test_invented_samples_are_odd(name):
    rng = np.random.default_rng(31)
    made = [forgers.INVENTIONS[name](rng, 10 ** rng.uniform(6.3, 7.7)) for _ in range(100)]
    assert np.mean([bool(oddities(gaps)) for gaps in made]) >= 0.9


@pytest.mark.parametrize("trials", [3, 10])
def test_honest_records_are_seldom_odd(trials):
    rng = np.random.default_rng(32)
    found = [oddities(gaps) for _ in range(60) for gaps in forgers.group(rng, 5, trials)]
    assert np.mean([bool(one) for one in found]) <= 0.01, found


def test_the_docs_show_the_figures_that_were_measured():
    page = (DOCS / "likeness.md").read_text()
    measured = (DOCS / "measurements" / "likeness.md").read_text().splitlines()
    rows = re.findall(r"^\|.*%.*\|$", page, re.MULTILINE)
    assert len(rows) >= 10
    assert [row for row in rows if row not in measured] == []


def test_the_measured_page_names_every_forger():
    measured = (DOCS / "measurements" / "likeness.md").read_text()
    assert [name for name in (*forgers.COPIES, *forgers.INVENTIONS) if f"| {name} |" not in measured] == []
