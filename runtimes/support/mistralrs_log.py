"""What mistral.rs says of itself while it loads: its only word on types, layers and version is its log, on standard output."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_LAYERS = re.compile(r"Layers? \d+(?:-\d+)?: (\w+)")
_READ = 1 << 20  # of a log that is some kB


@dataclass(slots=True)
class Said:
    """The log of one load, without colours."""

    text: str = field(default="")

    def find(self, pattern: str) -> str | None:
        """The pattern's first group where it is found first."""
        found = re.search(pattern, self.text)
        return found[1] if found else None

    @property
    def version(self) -> str | None:
        """Of the engine itself."""
        return self.find(r"mistral\.rs version: (\S+)")

    @property
    def commit(self) -> str | None:
        """None where the build does not know its own."""
        told = self.find(r"git revision: (\S+)")
        return None if told == "unknown" else told

    @property
    def dtype(self) -> str | None:
        """In which it computes: F32, BF16, F16."""
        return self.find(r"DType selected is (\w+)")

    @property
    def cache(self) -> str | None:
        """Type of the keys and values on a CPU."""
        return self.find(r"Using (\w+) KV cache on CPU")

    @property
    def layers(self) -> int | None:
        """Of the model, those that repeat."""
        told = self.find(r"Model has (\d+) repeating layers")
        return int(told) if told else None

    @property
    def places(self) -> frozenset[str]:
        """Where the layers lie, in its own words: cpu, cuda, metal."""
        return frozenset(_LAYERS.findall(self.text))


@contextmanager
def listening() -> Iterator[Said]:
    """Everything that is written to the process's standard output and error meanwhile, which goes to the real error after it."""
    said = Said()
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    with tempfile.TemporaryFile() as file:
        try:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            yield said
        finally:
            for descriptor, number in zip(kept, (1, 2), strict=True):
                os.dup2(descriptor, number)
                os.close(descriptor)
            file.seek(0)
            raw = file.read(_READ)
            said.text = _COLOURS.sub("", raw.decode(errors="replace"))
            os.write(2, said.text.encode())
