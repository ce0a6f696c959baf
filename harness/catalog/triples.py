"""One configuration of a matrix: model, runtime, suite, options."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import PurePath
from typing import Annotated

from pydantic import Field

from harness.catalog.toml_file import Part

Word = Annotated[str, Field(min_length=1, max_length=500)]
Value = str | int | bool


class Triple(Part):
    """One measurement; the hardware is the machine's own."""

    model: Word
    runtime: Word
    suite: Word = "default"
    backend: Word = "auto"
    processes: int | None = Field(default=None, ge=1, le=1000)
    budget_s: int | None = Field(default=None, ge=1)
    timeout_s: int | None = Field(
        default=None, ge=1, description="as --timeout; how long to wait is not what is measured"
    )
    options: dict[str, Value] = Field(default_factory=dict)

    @property
    def settings(self) -> tuple[str, ...]:
        """The options as `repro bench -o` takes them."""
        return tuple(
            f"{name}={str(value).lower() if isinstance(value, bool) else value}" for name, value in self.options.items()
        )

    @property
    def key(self) -> str:
        """Names the triple in the matrix's state."""
        named = self.model_dump(exclude={"timeout_s"})
        return sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def public(self) -> str:
        """In words, without the folders of this machine: a report is handed on."""
        plain = self.model if self.model.startswith(("hf:", "ollama:")) else PurePath(self.model).name
        options = {name: _without_folder(value) for name, value in self.options.items()}
        return str(self.model_copy(update={"model": plain, "suite": PurePath(self.suite).name, "options": options}))

    def __str__(self) -> str:
        backend = () if self.backend == "auto" else (f"backend={self.backend}",)
        return " ".join((self.model, self.runtime, self.suite, *backend, *self.settings))


def _without_folder(value: Value) -> Value:
    is_path = isinstance(value, str) and value.startswith(("/", "~", "./", "../"))
    return PurePath(str(value)).name if is_path else value
