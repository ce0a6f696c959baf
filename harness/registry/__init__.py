"""A registry: the signed events that it took, the log that proves their order, and the facts that follow from them.

For notebooks: `open_registry`, and the tables `rows`, `records`, `tier_counts`. They are resolved when first used: a table needs
the extra *frames*, all the rest *registry* (`harness.extras`).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from harness.extras import needs

needs("registry", __name__)

if TYPE_CHECKING:
    from harness.registry.queries.dataframes import records as records
    from harness.registry.queries.dataframes import rows as rows
    from harness.registry.queries.dataframes import tier_counts as tier_counts
    from harness.registry.reading import open_registry as open_registry
    from harness.registry.store import Registry as Registry

__all__ = ["Registry", "open_registry", "records", "rows", "tier_counts"]
_MODULES = {"Registry": "harness.registry.store", "open_registry": "harness.registry.reading"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'harness.registry' has no attribute {name!r}")
    if name not in _MODULES:
        needs("frames", f"harness.registry.{name}")
    return getattr(import_module(_MODULES.get(name, "harness.registry.queries.dataframes")), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
