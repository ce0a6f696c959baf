"""The C++ compiler that nvcc hands the host's code to: g++ of the path, or an older one where that is too new."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

_OLDEST = 9  # the first with all of C++17, which ggml is written in
_LIMIT_S = 10


@dataclass(frozen=True, slots=True)
class HostCompilers:
    """`gcc` is the major version of `g++`, None where there is no g++; `others` are the `g++-N` that are installed too.
    `named`: the operator names one, and its version is not ours to judge.
    """

    gcc: int | None
    others: tuple[int, ...] = ()
    named: bool = False

    def suits(self, newest: int | None) -> str | None:
        """The g++ that a toolkit takes whose newest is `newest`: "" for the usual one, None where there is none."""
        if self.named or (self.gcc is not None and (newest is None or self.gcc <= newest)):
            return ""
        older = [number for number in self.others if newest is None or number <= newest]
        return f"g++-{max(older)}" if older else None


def find_host_compilers(environment: Mapping[str, str]) -> HostCompilers:
    """Those on the path."""
    path = environment.get("PATH")
    usual = shutil.which("g++", path=path)
    others = tuple(number for number in range(_OLDEST, 40) if shutil.which(f"g++-{number}", path=path))
    named = bool(environment.get("CUDAHOSTCXX") or environment.get("NVCC_CCBIN"))
    return HostCompilers(_major(usual) if usual else None, others, named)


def _major(program: str) -> int | None:
    try:
        done = subprocess.run(
            [program, "-dumpversion"], capture_output=True, text=True, errors="replace", timeout=_LIMIT_S, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.match(r"(\d+)", done.stdout)
    return int(found[1]) if found else None
