"""A request that carries no event, signed as RFC 9421 says: over its method, path, query, the digest of its body, and a number
that the server gave. The key is an operator's or an editor's, the tag the registry's name: it counts nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from harness.errors import Unsigned
from harness.record.envelope import key_id

COVERED = ("@method", "@path", "@query")
SKEW_S = 60  # by which the clock of who signs may be ahead
LONGEST_S = 300  # for which a signature counts, and the server's number
_OF_TIME = re.compile(r"in the (?:future|past)|maximum allowable age")  # how the library says so
_HOST = "https://registry.invalid"  # not covered: a proxy may call the registry by another name


@dataclass(slots=True)
class _Message:
    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)


def sign(method: str, target: str, body: bytes, key: Ed25519PrivateKey, nonce: str, origin: str) -> dict[str, str]:
    """The headers that say so. `target`: path and query, as they are sent."""
    from http_message_signatures import HTTPMessageSigner, HTTPSignatureKeyResolver, algorithms

    class Own(HTTPSignatureKeyResolver):  # type: ignore[misc, unused-ignore]
        def resolve_private_key(self, key_id: str) -> Any:
            return key

        def resolve_public_key(self, key_id: str) -> Any:
            return key.public_key()

    message = _Message(method, _HOST + target)
    signer = HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=Own())
    signer.sign(
        message,
        key_id=key_id(key.public_key()),
        nonce=nonce,
        tag=_tag(origin),
        label="repro",
        covered_component_ids=COVERED,
        body=body,
    )
    return message.headers


def verify(
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes,
    key_of: Callable[[str], Ed25519PublicKey | None],
    origin: str,
) -> tuple[str, str]:
    """The id of the key that signed it, and the server's number. `key_of`: by its id, None of one that may not act.

    Raises `Unsigned`.
    """
    from http_message_signatures import (
        HTTPMessageVerifier,
        HTTPSignatureKeyResolver,
        InvalidSignature,
        algorithms,
    )

    unknown: list[str] = []  # the library calls whatever its resolver raises a signature that does not hold

    class Known(HTTPSignatureKeyResolver):  # type: ignore[misc, unused-ignore]
        def resolve_private_key(self, key_id: str) -> Any:
            raise Unsigned("is nobody's", where="signature")

        def resolve_public_key(self, key_id: str) -> Any:
            found = key_of(key_id)
            if found is None:
                unknown.append(key_id)
            return found

    if "signature-input" not in headers:
        raise _unsigned("must be signed")
    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.ED25519, key_resolver=Known())
    verifier.max_clock_skew = timedelta(seconds=SKEW_S)
    try:
        (found,) = verifier.verify(
            _Message(method, _HOST + target, dict(headers)),
            max_age=timedelta(seconds=LONGEST_S),
            expect_tag=_tag(origin),
            require_components=COVERED,
            body=body,
        )
    except Unsigned:
        raise
    except InvalidSignature as error:
        if unknown:
            raise Unsigned(
                "is by a key that nobody has here now",
                where="signature",
                fix="operators join by repro submit, and tell a new key by repro operator rotate; editors are added by an editor",
            ) from None
        if _OF_TIME.search(str(error)):
            raise Unsigned(
                "was signed at another time than now", where="signature", fix="set the clock of the machine that signs"
            ) from None
        raise _unsigned("its signature does not hold") from None
    except Exception as error:  # whatever a stranger's headers make of the library: it is not signed
        raise _unsigned(f"its signature does not hold ({type(error).__name__})") from None
    nonce, key = found.nonce, found.parameters.get("keyid")
    if not isinstance(nonce, str) or not isinstance(key, str):
        raise _unsigned("its signature names no key, or no number of this server")
    return key, nonce


def _tag(origin: str) -> str:
    return f"repro-harness:{origin}"


def _unsigned(what: str) -> Unsigned:
    return Unsigned(what, where="signature", fix="sign it as docs/service.md says; a number is at /v1/nonce")
