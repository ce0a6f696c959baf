"""A registry: the signed events that it took, the log that proves their order, and the facts that follow from them.

`harness.registry.frame` is resolved when first used: a table needs pandas, nothing else here does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.registry.queries.dataframes import frame as frame

__all__ = ["frame"]


def __getattr__(name: str) -> Any:
    if name == "frame":
        from harness.registry.queries.dataframes import frame

        return frame
    raise AttributeError(f"module 'harness.registry' has no attribute {name!r}")
