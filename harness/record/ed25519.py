"""Ed25519 public keys that can hold somebody to a signature. Pure."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

# The y of every point of small order, with the second spellings of p, 0 and 1: anybody can sign for such a key.
_SMALL_ORDER = {0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18} | {
    int.from_bytes(bytes.fromhex(text), "little")
    for text in (
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    )
}


def public_key(raw: bytes) -> Ed25519PublicKey:
    """The key in 32 bytes. Raises `ValueError` for another length, and for a point of small order."""
    if int.from_bytes(raw, "little") % 2**255 in _SMALL_ORDER:
        raise ValueError("of small order, anybody signs for it")
    return Ed25519PublicKey.from_public_bytes(raw)
