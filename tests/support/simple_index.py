"""A package index of a few small files, spoken to by the real pip: PEP 503 over http on this machine."""

from __future__ import annotations

import io
import re
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from html import escape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.support import packages

# A source distribution that brings its own build backend, so that nothing is fetched to build it.
_BACKEND = """
import os, zipfile
NAME, VERSION, FILES = {name!r}, {version!r}, {files!r}
ABOUT = f"{{NAME}}-{{VERSION}}.dist-info"
META = f"Metadata-Version: 2.1\\nName: {{NAME}}\\nVersion: {{VERSION}}\\n" + {requires!r}

def get_requires_for_build_wheel(settings=None):
    return []

def build_wheel(folder, settings=None, metadata=None):
    print("building with", os.environ.get("CMAKE_ARGS", ""))
    told = dict(FILES) | {{
        f"{{ABOUT}}/METADATA": META,
        f"{{ABOUT}}/WHEEL": f"Wheel-Version: 1.0\\nGenerator: tests\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }}
    with zipfile.ZipFile(os.path.join(folder, f"{{NAME}}-{{VERSION}}-py3-none-any.whl"), "w") as archive:
        for path, text in (told | {{f"{{ABOUT}}/RECORD": "".join(f"{{one}},,\\n" for one in told) + f"{{ABOUT}}/RECORD,,\\n"}}).items():
            archive.writestr(path, text)
    return f"{{NAME}}-{{VERSION}}-py3-none-any.whl"
"""


class Index:
    """A folder that is served as `url`. Pages are written when a file is added."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""
        self._said: dict[str, dict[str, str]] = {}

    def wheel(
        self, name: str, version: str, files: Mapping[str, str] | None = None, *, requires: str = "", said: str = ""
    ) -> str:
        """Add a wheel; `said` are attributes of its link (PEP 592, PEP 503). Gives its sha256."""
        place, module = self._place(name), name.replace("-", "_")
        before = set(place.glob("*"))
        packages.wheel(place, module, files or {f"{module}.py": f"VERSION = {version!r}\n"}, version, requires)
        (made,) = set(place.glob("*")) - before
        return self._added(name, made, said)

    def sdist(self, name: str, version: str, files: Mapping[str, str], *, requires: str = "", said: str = "") -> str:
        """Add a source distribution that builds itself into `files`."""
        module, stem = name.replace("-", "_"), f"{name.replace('-', '_')}-{version}"
        backend = _BACKEND.format(name=module, version=version, files=dict(files), requires=requires)
        project = '[build-system]\nrequires = []\nbuild-backend = "made"\nbackend-path = ["."]\n'
        told = {"made.py": backend, "pyproject.toml": project}
        told["PKG-INFO"] = f"Metadata-Version: 2.1\nName: {module}\nVersion: {version}\n"
        path = self._place(name) / f"{stem}.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            for inner, text in told.items():
                entry = tarfile.TarInfo(f"{stem}/{inner}")
                entry.size = len(text.encode())
                archive.addfile(entry, io.BytesIO(text.encode()))
        return self._added(name, path, said)

    def _place(self, name: str) -> Path:
        place = self.folder / "simple" / re.sub(r"[-_.]+", "-", name).lower()
        place.mkdir(parents=True, exist_ok=True)
        return place

    def _added(self, name: str, path: Path, said: str) -> str:
        digest = sha256(path.read_bytes()).hexdigest()
        links = self._said.setdefault(name, {})
        links[path.name] = f'<a href="{escape(path.name)}#sha256={digest}" {said}>{escape(path.name)}</a>'
        page = "<!DOCTYPE html><html><body>\n" + "<br>\n".join(links.values()) + "\n</body></html>"
        (path.parent / "index.html").write_text(page)
        return digest

    @property
    def variables(self) -> dict[str, str]:
        """What makes pip ask this index alone."""
        return {
            "PIP_CONFIG_FILE": "/dev/null", "PIP_INDEX_URL": f"{self.url}/simple", "PIP_FIND_LINKS": "", "PIP_NO_CACHE_DIR": "1",
            "PIP_EXTRA_INDEX_URL": "", "PIP_CONSTRAINT": "",
        }  # fmt: skip


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its parent's name
        """Nothing."""


@contextmanager
def served(folder: Path) -> Iterator[Index]:
    """An index that answers while the block runs."""
    (folder / "simple").mkdir(parents=True)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        index = Index(folder)
        index.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield index
        server.shutdown()
        thread.join()
