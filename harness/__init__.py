"""repro-harness: run (model, hardware, runtime) triples, keep the evidence, compare it honestly.

The Python API (docs/python-api.md). Public names are resolved when first used: the worker needs numpy alone, and `--help` must be
instant.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.api import Request as Request
    from harness.api import agree as agree
    from harness.api import bench as bench
    from harness.api import compare as compare
    from harness.api import errors as errors
    from harness.api import load_records as load_records
    from harness.api import read_record as read_record
    from harness.api import report as report
    from harness.api import verify_record as verify_record
    from harness.registry import open_registry as open_registry

__version__ = "0.2.0"
__all__ = [
    "Request",
    "__version__",
    "agree",
    "bench",
    "compare",
    "load_records",
    "open_registry",
    "read_record",
    "report",
    "verify_record",
]
_MODULES = ("compare", "errors", "registry")  # packages and modules that a notebook names; `compare` is called, too


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"harness.{name}")
    if name in __all__:
        # The registry's door asks for an extra, which whoever measures alone may not have.
        return getattr(import_module("harness.registry" if name == "open_registry" else "harness.api"), name)
    raise AttributeError(f"module 'harness' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
