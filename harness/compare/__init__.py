"""Two records: which is faster, and whether they compute the same model. Called, it is `harness.compare.stored.compare`.

The Python API has a function of the package's own name. Python puts a package's modules on it as attributes, so that a function
would be hidden by the first import from here; the package itself is called instead, whatever was imported before.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.compare.records import RecordComparison
    from harness.compare.stored import Place


class _Callable(ModuleType):
    def __call__(self, a: Place, b: Place, *, band_percent: float = 10.0) -> RecordComparison:
        """See `harness.compare.stored.compare`."""
        from harness.compare.stored import compare

        return compare(a, b, band_percent=band_percent)


sys.modules[__name__].__class__ = _Callable
