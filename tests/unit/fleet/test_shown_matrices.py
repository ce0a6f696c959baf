"""The matrices that the documents show, and those that come along, can be read."""

import re

import pytest

from harness.catalog import matrices
from harness.fleet.admit import refuse_unrunnable
from harness.fleet.plan import Node, make_plan
from harness.paths import configs
from tests.support.documents import ROOT

NODES = [Node(name=f"n{i}", features=("epyc", "ib")) for i in (1, 2, 3)]


def test_the_matrix_of_the_page_can_be_planned(tmp_path):
    text = re.search(r"```toml\n(.*?)```", (ROOT / "docs" / "fleet.md").read_text(), re.DOTALL)[1]
    path = tmp_path / "shown.toml"
    path.write_text(text)
    loaded = matrices.read(path)
    refuse_unrunnable(loaded)
    assert (
        len(make_plan(loaded, NODES, "slurm", "x").jobs) == 15
    )  # four combinations, one left out, and a pair, on three nodes


def test_what_the_page_comments_out_is_a_key_too(tmp_path):
    text = re.search(r"```toml\n(.*?)```", (ROOT / "docs" / "fleet.md").read_text(), re.DOTALL)[1]
    path = tmp_path / "shown.toml"
    path.write_text(
        re.sub(
            r"^# (?=(?:budget_s|names|constraint|partition|devices|device_kind|repeats|time_limit_s|tolerate|memory_mib|processes|timeout_s) =|\[needs)",
            "",
            text,
            flags=re.MULTILINE,
        ).replace("nodes = 3", "nodes = 2")
    )
    found = matrices.read(path).matrix
    assert found.machines[0].constraint == "epyc&ib"
    assert (found.needs.devices, found.needs.device_kind) == (1, "a100")
    assert found.budget_s == 86400


@pytest.mark.parametrize("path", sorted((configs() / "matrices").glob("*.toml")), ids=lambda path: path.name)
def test_every_matrix_of_ours_can_be_planned(path):
    loaded = matrices.read(path)
    refuse_unrunnable(loaded)
    assert make_plan(loaded, [Node(name="here")], "local", "x").jobs
