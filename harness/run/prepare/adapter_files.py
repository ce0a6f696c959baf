"""Brings another's adapter into the environment that its recipe makes: a lock can't pin the package that it lies in."""

from __future__ import annotations

import shutil
import subprocess
from hashlib import sha256
from importlib.metadata import Distribution
from pathlib import Path, PurePosixPath

from harness.errors import BadInput, RunFailed
from runtimes import table

_WHERE = "import sysconfig; print(sysconfig.get_path('purelib'))"


def digest(runtime: str) -> str:
    """sha256 over the names and contents of the adapter's package, as it is installed beside this program."""
    total = sha256()
    for name, path in _files(table.distribution_of(runtime)):
        content = path.read_bytes()
        total.update(f"{name}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


def copy(runtime: str, python: Path) -> None:
    """Puts those files where the interpreter `python` imports from."""
    asked = subprocess.run([python, "-I", "-c", _WHERE], capture_output=True, text=True, check=False)
    if asked.returncode:
        raise RunFailed("the environment's interpreter does not run", where=str(python), fix="remove it and try again")
    target = Path(asked.stdout.strip())
    for name, path in _files(table.distribution_of(runtime)):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target / name)


def _files(shipped: Distribution) -> list[tuple[str, Path]]:
    """Name and place of each; what lies outside of its site-packages (a script) is not part of the adapter."""
    found = [
        (str(PurePosixPath(file)), Path(str(file.locate())))
        for file in shipped.files or ()
        if ".." not in file.parts and not file.is_absolute() and "__pycache__" not in file.parts
    ]
    present = sorted((name, path) for name, path in found if path.is_file())
    if not present:
        raise BadInput(
            f"{shipped.name} does not list its files (RECORD)",
            where="runtime install",
            fix="install the adapter's package with pip, or measure with --python PATH",
        )
    return present
