"""An adapter that somebody else ships is found by its entry point, checked and measured without a line of ours."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests import tiny_gguf

PACKAGE = Path(__file__).parents[1] / "third_party" / "counting"


@pytest.fixture(scope="module")
def their(tmp_path_factory):
    """An environment with the core and the package in it, as its user would have it."""
    folder = tmp_path_factory.mktemp("third")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    python = folder / "venv" / "bin" / "python"
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    # The core as it is installed here, its .pth file for an editable install included.
    text = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    Path(site.stdout.strip(), "core.pth").write_text(text)
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", str(PACKAGE)], check=True)
    model = folder / "tiny.gguf"
    model.write_bytes(tiny_gguf.build(tiny_gguf.LONG))

    def run(*arguments):
        command = [python, "-c", "from harness.cli import main; main()", *arguments]
        return subprocess.run(
            [*command, "--model", str(model), "--python", str(python)],
            env=os.environ | {"XDG_CACHE_HOME": str(folder / "cache")}, cwd=folder,
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


def test_it_passes_the_conformance_suite(their):
    done = their("runtime", "check", "counting", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = {item["code"]: item["status"] for item in json.loads(done.stdout)}
    assert set(found.values()) <= {"pass", "unknown"}
    assert found["deterministic"] == found["caches_cleared"] == found["forced"] == found["context_kept"] == "pass"


def test_a_bad_adapter_is_caught(their):
    done = their("runtime", "check", "counting", "--json", "-o", "forgetful=true")
    assert done.returncode == 1
    found = {item["code"]: item["status"] for item in json.loads(done.stdout)}
    assert found["deterministic"] == "fail"


def test_it_can_be_measured(their):
    done = their("bench", "--runtime", "counting", "--suite", "quick", "--processes", "1")
    assert done.returncode == 0, done.stderr
    assert "counting-runtime 1.0" in done.stdout
