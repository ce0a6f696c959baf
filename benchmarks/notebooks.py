"""The notebooks of docs/notebooks and their records.

python benchmarks/notebooks.py            # execute both again, in place
python benchmarks/notebooks.py --measure  # first measure the four records again: minutes, on a quiet machine
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from harness.files import write_bytes, write_text
from harness.record import envelope, store

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "notebooks"
NAMES = ("choose-settings", "read-a-strangers-record")
# The one real run in the demonstration registry.
STRANGER = "a78e2267360676eeb1c57602b118e458be508e29b4fbfab3881c29169f6c0f61"


def executed(name: str) -> object:
    """The notebook after all its cells ran, in order, in a fresh kernel whose folder is the notebook's."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(FOLDER)}}, record_timing=False).execute()
    return notebook


def execute() -> None:
    import nbformat

    for name in NAMES:
        write_text(FOLDER / f"{name}.ipynb", nbformat.writes(executed(name)) + "\n")
        print(FOLDER / f"{name}.ipynb")


def measure() -> None:
    """Four runs in turn, as a sweep, without keys: they are nobody's claim. Nothing private is copied."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(Path(sys.executable).with_name("repro")), "bench", "--suite", "quick"]
        command += ["--processes", "3", "-o", "threads=1,2", "-o", "flash_attn=on,off", "--results", folder]
        done = subprocess.run(command, env=os.environ | {"XDG_CONFIG_HOME": f"{folder}/config"}, check=False)
        if done.returncode not in (0, 4):
            sys.exit("not measured: the records stay as they are")
        take([path.parent for path in store.below(Path(folder))])


def take(folders: list[Path]) -> None:
    """Those records and the stranger's, into docs/notebooks/records."""
    target = FOLDER / "records"
    shutil.rmtree(target, ignore_errors=True)
    for folder in folders:
        options = store.read(folder).record.runtime.options
        own = target / f"threads-{options['threads']}-flash_attn-{options['flash_attn']}"
        own.mkdir(parents=True)
        for name in (store.RECORD_FILE, store.SAMPLES_FILE):
            shutil.copyfile(folder / name, own / name)
    body, own = ROOT / "results" / "demo-registry" / "records" / STRANGER, target / "stranger"
    own.mkdir(parents=True)
    data = (body / store.ENVELOPE_FILE).read_bytes()
    write_bytes(own / store.ENVELOPE_FILE, data)
    write_bytes(own / store.RECORD_FILE, envelope.read(data, STRANGER).payload)
    shutil.copyfile(body / store.SAMPLES_FILE, own / store.SAMPLES_FILE)


if __name__ == "__main__":
    wanted = argparse.ArgumentParser(description=__doc__)
    wanted.add_argument("--measure", action="store_true")
    if wanted.parse_args().measure:
        measure()
    execute()
