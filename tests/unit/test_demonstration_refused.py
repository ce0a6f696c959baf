"""A demonstration that could not be made is refused before its first run is measured."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.commands.registry import demo
from harness.errors import BadInput
from harness.run import bench
from tests.support import tiny_gguf


@pytest.fixture(autouse=True)
def nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("measured")

    monkeypatch.setattr(bench, "bench", refuse)


def refusal(*arguments: object) -> str:
    """Why the command ends."""
    done = CliRunner().invoke(demo, [str(one) for one in arguments])
    assert isinstance(done.exception, BadInput), done.exception
    return str(done.exception)


def test_of_a_simulation(tmp_path: Path) -> None:
    assert refusal(tmp_path / "demo", "--runtime", "simulated").startswith("--runtime simulated: is synthetic")
    assert not list(tmp_path.iterdir())


def test_of_a_simulation_beside_a_real_runtime(tmp_path: Path) -> None:
    assert "is synthetic" in refusal(tmp_path / "demo", "--runtime", "llama.cpp", "--runtime", "simulated")


def test_of_a_runtime_that_does_not_exist_beside_one_that_does(tmp_path: Path) -> None:
    assert "'lama'" in refusal(tmp_path / "demo", "--runtime", "llama.cpp", "--runtime", "lama")


def test_of_an_unknown_suite(tmp_path: Path) -> None:
    assert "no suite is called" in refusal(tmp_path / "demo", "--suite", "nothing")


def test_of_a_model_whose_name_no_registry_takes(tmp_path: Path) -> None:
    path = tmp_path / "two  spaces.gguf"
    path.write_bytes(tiny_gguf.build())
    assert "its name has spaces" in refusal(tmp_path / "demo", "--model", path)


def test_in_a_folder_that_exists(tmp_path: Path) -> None:
    assert "exists already" in refusal(tmp_path)


def test_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "can't be written" in refusal(tmp_path / "file" / "demo")


def test_under_a_name_that_is_too_long(tmp_path: Path) -> None:
    assert "can't be written" in refusal(tmp_path / ("d" * 252))
    assert not list(tmp_path.iterdir())
