"""An adapter that somebody else ships is found by its entry point, checked and measured without a line of ours."""

import base64
import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.e2e.conftest import measured
from tests.support import forked, tiny_gguf

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
    done = their("bench", "--runtime", "counting", "--suite", "quick", "--processes", "1", "--all")
    measured(done)
    assert "counting-runtime 1.0" in done.stdout


def test_its_record_is_signed_and_every_change_is_found(their, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def repro(*arguments):
        return forked.run(arguments, os.environ, tmp_path, 300)

    made = repro("keys", "new", "--handle", "lighthouse")
    assert made.returncode == 0, made.stderr
    public = tmp_path / "public.json"
    public.write_text(made.stdout)
    assert repro("keys", "show").stdout == made.stdout
    done = their(
        "bench", "--runtime", "counting", "--suite", "quick", "--processes", "1", "--results", str(tmp_path / "results")
    )
    measured(done)
    assert "signed by lighthouse" in done.stdout
    (record,) = (tmp_path / "results").glob("*/record.json")
    assert "signed by lighthouse, as the public file says" in repro("verify", record, "--keys", public).stdout
    # Somebody else's public file.
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "other"))
    public.write_text(repro("keys", "new", "--handle", "gull").stdout)
    assert "handle is not that of the public file" in repro("verify", record, "--keys", public).stderr
    # A number changed and written canonically, as a forger would: the envelope is of another record.
    original = record.read_bytes()
    forged = original.replace(b'"seed":20261124', b'"seed":20261125')
    assert forged != original
    record.write_bytes(forged)
    assert "is the envelope of another record" in repro("verify", record).stderr
    # The same in the envelope: the signature is false.
    sealed = record.with_name("record.dsse.json")
    data = json.loads(sealed.read_text())
    data["payload"] = base64.b64encode(forged).decode()
    sealed.write_text(json.dumps(data))
    line = repro("verify", record)
    assert line.returncode == 2
    assert "is false" in line.stderr
    sealed.unlink()
    assert "is not signed" in repro("verify", record).stderr


def test_records_of_several_operators_are_scored(their, tmp_path, monkeypatch):
    def repro(*arguments):
        return forked.run(arguments, os.environ, tmp_path, 300)

    for handle in ("lighthouse", "gull"):
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / handle))
        assert repro("keys", "new", "--handle", handle).returncode == 0
        done = their(
            "bench",
            "--runtime",
            "counting",
            "--suite",
            "quick",
            "--processes",
            "3",
            "--results",
            str(tmp_path / handle),
        )
        measured(done)
    hub, other = ((tmp_path / handle).glob("*/record.json") for handle in ("lighthouse", "gull"))
    hub, other = next(hub), next(other)
    done = repro("score", hub, other, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["policy"] == "network-v3"
    assert found["state"] in ("approved-public", "reproduced")
    assert len(found["judged"]) == 1
    shown = repro("score", hub, other, hub)
    assert "community" in shown.stdout
    assert "gull" in shown.stdout
    assert "one source: community" in shown.stdout or "other operators inside" in shown.stdout
    assert "must be a day" in repro("score", hub, "--as-of", "tomorrow").stderr
    assert "no policy is called" in repro("score", hub, "--policy", "network-v9").stderr
