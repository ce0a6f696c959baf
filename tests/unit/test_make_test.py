"""`make test` as whoever runs it finds it: what the Makefile gives to the interpreters that it starts."""

import os
import subprocess
from pathlib import Path

from tests.support.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]


def told(tmp_path, says, **variables):
    """What an interpreter that says only this says in `make test`, a line for each pass."""
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\necho "{says}"\n')
    python.chmod(0o755)
    command = ["make", "-s", "-o", f"{tmp_path}/.dev", "test", f"VENV={tmp_path}", "TESTS="]
    outer = {"MAKEFLAGS", "MFLAGS"}  # of the `make test` that runs this
    environment = {name: value for name, value in os.environ.items() if name not in outer}
    done = subprocess.run(
        command, cwd=ROOT, env=environment | variables, capture_output=True, text=True, timeout=PATIENCE_S, check=True
    )
    return done.stdout.splitlines()


def test_interpreters_keep_what_they_compiled_where_the_environment_says_not_to(tmp_path):
    said = told(tmp_path, "kept: [$PYTHONDONTWRITEBYTECODE]", PYTHONDONTWRITEBYTECODE="1")
    assert said == ["kept: []"] * 3


def test_beside_others_a_matrix_takes_one_thread_and_where_times_are_held_what_the_machine_gives(tmp_path):
    assert told(tmp_path, "[$OPENBLAS_NUM_THREADS]", OPENBLAS_NUM_THREADS="") == ["[1]", "[]", "[]"]
