"""Where CMake looks for what a build needs: the operator's own flags and variables first, then the usual folders."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SearchPath:
    """`flags` are the operator's own (`CMAKE_ARGS`), `environment` is the process's, `root` that of the file system."""

    environment: Mapping[str, str]
    flags: Sequence[str] = ()
    root: Path = Path("/")

    def flag(self, name: str) -> str:
        """The value of `-DNAME=…` or `-DNAME:TYPE=…`; empty where it is not given. The last one counts, as for CMake."""
        found = ""
        for flag in self.flags:
            key, equals, value = flag.partition("=")
            if equals and key.partition(":")[0] == f"-D{name}":
                found = value
        return found

    def prefixes(self, *variables: str, usual: Sequence[str] = ("/usr/local", "/usr")) -> list[Path]:
        """Folders that hold `include`, `lib` and `share`: of the named variables, of CMake's, and the usual ones."""
        named = [self.environment.get(name, "") for name in variables]
        named += self.flag("CMAKE_PREFIX_PATH").split(";")
        named += self.environment.get("CMAKE_PREFIX_PATH", "").split(os.pathsep)
        return [Path(one) for one in named if one] + [self.root / one.lstrip("/") for one in usual]

    def file(self, prefixes: Sequence[Path], *names: str) -> Path | None:
        """The first of `names` below a prefix that is there; `{lib}` stands for each folder of libraries."""
        libraries = ("lib", "lib64", f"lib/{platform.machine()}-linux-gnu", "share")
        for prefix in prefixes:
            for name in names:
                places = [name.replace("{lib}", one) for one in libraries] if "{lib}" in name else [name]
                for place in places:
                    if (prefix / place).exists():
                        return prefix / place
        return None

    def program(self, *names: str) -> bool:
        """Whether one of the programs is on the path."""
        return any(shutil.which(name, path=self.environment.get("PATH")) for name in names)
