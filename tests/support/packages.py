"""Packages and environments as pip leaves them, made in a moment and without a network."""

from __future__ import annotations

import base64
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path


def environment(folder: Path) -> tuple[Path, Path]:
    """Interpreter and site-packages of an environment that holds the core as it is installed here."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    packages = next((folder / "lib").glob("python*/site-packages"))
    # An editable core's .pth file included.
    (packages / "core.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    return folder / "bin" / "python", packages


def install(
    packages: Path, name: str, files: Mapping[str, str], runtimes: Mapping[str, str], version: str = "1.0"
) -> None:
    """Puts a distribution into site-packages: its files, and the adapters that it offers."""
    told = dict(files) | {
        f"{name}-{version}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{name}-{version}.dist-info/entry_points.txt": "[repro.runtimes]\n"
        + "".join(f"{key} = {value}\n" for key, value in runtimes.items()),
    }
    record = "".join(f"{path},,\n" for path in [*told, f"{name}-{version}.dist-info/RECORD"])
    for path, text in (told | {f"{name}-{version}.dist-info/RECORD": record}).items():
        (packages / path).parent.mkdir(parents=True, exist_ok=True)
        (packages / path).write_text(text)


def wheel(folder: Path, name: str, files: Mapping[str, str], version: str = "1.0", requires: str = "") -> str:
    """A wheel in `folder`; the line of a lock that pins it."""
    about = f"{name}-{version}.dist-info"
    told = dict(files) | {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = [f"{path},sha256={_digest(text)},{len(text.encode())}\n" for path, text in told.items()]
    path = folder / f"{name}-{version}-py3-none-any.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for inner, text in (told | {f"{about}/RECORD": "".join([*lines, f"{about}/RECORD,,\n"])}).items():
            archive.writestr(inner, text)
    return f"{name}=={version} --hash=sha256:{sha256(path.read_bytes()).hexdigest()}\n"


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(sha256(text.encode()).digest()).rstrip(b"=").decode()
