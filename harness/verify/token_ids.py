"""The digest by which a record names a prompt: of its ids, whatever text they came from. Pure."""

from __future__ import annotations

from hashlib import sha256

import numpy as np


def digest_of(ids: tuple[int, ...]) -> str:
    """sha256 over the ids as little-endian 64-bit integers."""
    return sha256(np.asarray(ids, dtype="<i8").tobytes()).hexdigest()
