"""Names of runtimes with a release of their engine, `llama.cpp@0.3.30`: one strict grammar, and the order of releases. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from harness.errors import BadInput

_NUMBER = "(?:0|[1-9][0-9]{0,7})"
# A public version of PEP 440 in its normal form, without epoch. The local part, +cpu or +cu128, is the backend's business.
_RELEASE = re.compile(
    rf"(?P<numbers>{_NUMBER}(?:\.{_NUMBER}){{0,4}})(?:(?P<pre>a|b|rc)(?P<nth>{_NUMBER}))?"
    rf"(?:\.post(?P<post>{_NUMBER}))?(?:\.dev(?P<dev>{_NUMBER}))?"
)
_PHASES = {"a": 0, "b": 1, "rc": 2}
_FINAL, _BEFORE_ALL, _NEVER = 3, -1, 1 << 40
_WIDTH = 5


class Named(NamedTuple):
    """A runtime, and which release of its engine; "" for the one that its recipe pins."""

    name: str
    release: str

    def __str__(self) -> str:
        return f"{self.name}@{self.release}" if self.release else self.name


def split(text: str) -> Named:
    """What a user calls a runtime. Raises `BadInput` for a release that is not written as an index writes it."""
    name, at, release = text.partition("@")
    if at and not is_release(release):
        raise BadInput(
            f"{release!r} must be one whole release, written as the package index does",
            where=f"--runtime {text}",
            fix=f"see which there are: repro runtime list {name} --available",
        )
    return Named(name, release)


def is_release(text: str) -> bool:
    """Whether it is the public version of a release: 0.3.30, 2.13.0, 0.12.0.post2, 1.0rc1."""
    return _RELEASE.fullmatch(text) is not None


def is_prerelease(release: str) -> bool:
    """Whether its authors call it no final one: an alpha, a beta, a candidate, a development version."""
    found = _RELEASE.fullmatch(release)
    return found is not None and (found["pre"] is not None or found["dev"] is not None)


def order(release: str) -> tuple[tuple[int, ...], int, int, int, int]:
    """What releases are sorted by, the newest last (PEP 440, "Summary of permitted suffixes and relative ordering")."""
    found = _RELEASE.fullmatch(release)
    if found is None:
        raise ValueError(f"{release!r} is not a release")
    numbers = tuple(int(number) for number in found["numbers"].split("."))
    post = -1 if found["post"] is None else int(found["post"])
    dev = _NEVER if found["dev"] is None else int(found["dev"])
    phase = _FINAL if found["pre"] is None else _PHASES[found["pre"]]
    if found["pre"] is None and post < 0 and dev < _NEVER:
        phase = _BEFORE_ALL
    return numbers + (0,) * (_WIDTH - len(numbers)), phase, int(found["nth"] or 0), post, dev
