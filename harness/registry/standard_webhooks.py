"""Standard Webhooks 1.0: what a message's headers say, and when it is tried again. Pure.

See https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from hashlib import sha256

PREFIX = "whsec_"
SECRET_BYTES = 32
# Seconds from each try to the next, as the specification proposes; after the last one a message is given up.
WAITS_S = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)


def headers(identity: str, timestamp_s: int, body: bytes, secret: bytes) -> dict[str, str]:
    """Of one try of a message."""
    signed = f"{identity}.{timestamp_s}.".encode() + body
    signature = b64encode(hmac.new(secret, signed, sha256).digest()).decode()
    return {
        "Content-Type": "application/json",
        "webhook-id": identity,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": f"v1,{signature}",
    }


def shown(secret: bytes) -> str:
    """As a receiver is told it."""
    return PREFIX + b64encode(secret).decode()


def wait_s(tries: int) -> int | None:
    """Seconds until the next try, after so many; None: it is given up."""
    return WAITS_S[tries - 1] if tries <= len(WAITS_S) else None
