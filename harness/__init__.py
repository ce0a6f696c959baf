"""repro-harness: run (model, hardware, runtime) triples, keep the evidence, compare it honestly.

Public names are resolved when first used, so that `--help` is instant and the worker needs numpy alone: `load_records`, and the
package `registry` with its `frame`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.run.loading import load_records as load_records

__version__ = "0.2.0"
__all__ = ["__version__", "load_records"]


def __getattr__(name: str) -> Any:
    if name == "load_records":
        from harness.run.loading import load_records

        return load_records
    if name == "registry":
        return import_module("harness.registry")
    raise AttributeError(f"module 'harness' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "registry"})
