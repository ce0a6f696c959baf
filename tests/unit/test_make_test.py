"""`make test` as whoever runs it finds it: what the Makefile gives to the interpreters that it starts."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_interpreters_keep_what_they_compiled_where_the_environment_says_not_to(tmp_path):
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text('#!/bin/sh\necho "kept: [$PYTHONDONTWRITEBYTECODE]"\n')
    python.chmod(0o755)
    command = ["make", "-s", "-o", f"{tmp_path}/.dev", "test", f"VENV={tmp_path}", "TESTS="]
    outer = {"MAKEFLAGS", "MFLAGS"}  # of the `make test` that runs this
    environment = {name: value for name, value in os.environ.items() if name not in outer}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.splitlines() == ["kept: []"] * 2
