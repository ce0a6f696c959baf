"""The worker's source, copied by digest into the cache, so that any interpreter can run it and nothing of the core
leaks into the measured process. Why not a wheel: `docs/decisions/0001-worker-bundle.md`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from hashlib import sha256
from pathlib import Path

import harness
import runtimes

_PARTS = (
    "harness/__init__.py", "harness/errors.py", "harness/device_ids.py", "harness/device_kinds.py", "harness/model_json.py",
    "harness/measure", "harness/worker", "runtimes",
)  # fmt: skip


def _sources() -> dict[str, bytes]:
    roots = {"harness": Path(harness.__file__).parent, "runtimes": Path(runtimes.__file__).parent}
    found: dict[str, bytes] = {}
    for part in _PARTS:
        top, _, rest = part.partition("/")
        place = roots[top] / rest if rest else roots[top]
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            found[f"{top}/{path.relative_to(roots[top]).as_posix()}"] = path.read_bytes()
    return dict(sorted(found.items()))


def digest(sources: dict[str, bytes]) -> str:
    """sha256 over names and contents, in order of names."""
    total = sha256()
    for name, content in sources.items():
        total.update(f"{name}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


def make(cache: Path) -> tuple[Path, str]:
    """The folder to put on the worker's path, and the bundle's digest. Written once, atomically."""
    sources = _sources()
    name = digest(sources)
    folder = cache / "workers" / name[:16]
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=folder.parent))
        try:
            for relative, content in sources.items():
                (scratch / relative).parent.mkdir(parents=True, exist_ok=True)
                (scratch / relative).write_bytes(content)
            os.replace(scratch, folder)
        except OSError:
            shutil.rmtree(scratch, ignore_errors=True)
            if not folder.exists():  # else another run was faster
                raise
    return folder, name
