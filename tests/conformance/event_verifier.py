"""A verifier of signed events, with Ed25519 keys and passkeys, written from docs/record-format.md (sections 2 to 4 and 11) alone.

Standard library and `cryptography`; nothing of the harness.

    python -m tests.conformance.event_verifier ENVELOPE WEB_ORIGIN KEY…    # exit status 0 or 2
"""

from __future__ import annotations

import base64
import json
import re
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from tests.conformance.verifier import ENVELOPE_LIMIT, SIGNATURES_LIMIT, SMALL_ORDER, Refused, _bytes, _never, _unique

PAYLOAD_TYPE = "application/vnd.repro.event.v1+json"
PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1  # of P-256
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_PASSKEY = re.compile(r"passkey:(es256|ed25519):([0-9a-f]+):([0-9a-f]+):([a-z0-9.-]{1,253})")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Key:
    """One that may sign; `rp_id` is "" of a key that is not a passkey."""

    algorithm: str
    public: bytes
    rp_id: str = ""


def verdict(data: bytes, keys: list[str], web_origin: str) -> tuple[bool, str]:
    """Whether the bytes are an event that some of the keys signed: their ids, a blank between; or the rule that is broken."""
    try:
        known = {sha256(key.public).hexdigest(): key for key in map(_key, keys)}
        value = _envelope(data)
        if value["payloadType"] != PAYLOAD_TYPE:
            raise Refused("type: signed as something else")
        payload = _bytes(value["payload"])
        signed = b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)
        found = []
        for one in value["signatures"]:
            key = known.get(one["keyid"])
            told = _told(one)
            if key is not None:
                _check(key, _bytes(one["sig"]), told, signed, web_origin)
                found.append(one["keyid"])
        if not found:
            raise Refused("signature: nobody of the keys has signed")
        return True, " ".join(dict.fromkeys(found))
    except Refused as error:
        return False, str(error)


def _envelope(data: bytes) -> Any:
    if len(data) > ENVELOPE_LIMIT:
        raise Refused("envelope: too large")
    try:
        value = json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_never)
    except (ValueError, RecursionError):
        raise Refused("envelope: is not JSON in UTF-8") from None
    if not isinstance(value, dict) or set(value) != {"payloadType", "payload", "signatures"}:
        raise Refused("envelope: does not hold the three members and no other")
    found = value["signatures"]
    if (
        not isinstance(value["payloadType"], str)
        or not isinstance(found, list)
        or not 1 <= len(found) <= SIGNATURES_LIMIT
    ):
        raise Refused("envelope: a type that is no text, or no list of 1 to 16 signatures")
    for one in found:
        if not isinstance(one, dict) or not isinstance(one.get("keyid"), str):
            raise Refused("envelope: a signature without a keyid")
        _bytes(one.get("sig"))
    return value


def _told(one: Any) -> tuple[bytes, bytes] | None:
    """What a signature says of an authenticator and a browser."""
    if "webauthn" not in one:
        return None
    told = one["webauthn"]
    if not isinstance(told, dict):
        raise Refused("envelope: webauthn is no object")
    return _bytes(told.get("authenticator_data")), _bytes(told.get("client_data_json"))


def _key(text: str) -> Key:
    if not text.startswith("passkey:"):
        return _ed25519(Key("ed25519", bytes.fromhex(text)))
    match = _PASSKEY.fullmatch(text)
    if match is None or len(match[2]) % 2 or len(match[3]) % 2 or not 1 <= len(match[3]) // 2 <= 1023:
        raise Refused("key: not the text of a passkey")
    labels = match[4].split(".")
    if not all(_LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        raise Refused("key: its rpId is no domain")
    key = Key(match[1], bytes.fromhex(match[2]), match[4])
    return _ed25519(key) if key.algorithm == "ed25519" else _p256(key)


def _ed25519(key: Key) -> Key:
    if len(key.public) != 32 or int.from_bytes(key.public, "little") % 2**255 in SMALL_ORDER:
        raise Refused("key: no 32 bytes, or of small order")
    return key


def _p256(key: Key) -> Key:
    if len(key.public) != 65 or key.public[0] != 4:
        raise Refused("key: no 65 bytes of a point")
    x, y = (int.from_bytes(key.public[at : at + 32], "big") for at in (1, 33))
    if x >= PRIME or y >= PRIME or (y * y - x**3 + 3 * x - B) % PRIME:
        raise Refused("key: not on the curve")
    return key


def _check(key: Key, sig: bytes, told: tuple[bytes, bytes] | None, signed: bytes, web_origin: str) -> None:
    if (told is None) != (not key.rp_id):
        raise Refused("webauthn: of another key's signature, or missing of a passkey's")
    if told is not None:
        data, client = told
        _client(client, sha256(signed).digest(), web_origin)
        _authenticator(data, key.rp_id)
        signed = data + sha256(client).digest()
    try:
        if key.algorithm == "ed25519":
            Ed25519PublicKey.from_public_bytes(key.public).verify(sig, signed)
        else:
            _der(sig)
            x, y = (int.from_bytes(key.public[at : at + 32], "big") for at in (1, 33))
            ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key().verify(sig, signed, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        raise Refused("signature: a false one") from None


def _client(data: bytes, challenge: bytes, web_origin: str) -> None:
    if len(data) > 2048:
        raise Refused("client: too large")
    try:
        value = json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_never)
    except (ValueError, RecursionError):
        raise Refused("client: is not JSON in UTF-8") from None
    if not isinstance(value, dict):
        raise Refused("client: no object")
    text = base64.b64encode(challenge).decode().replace("+", "-").replace("/", "_").replace("=", "")
    for name, wanted in (("type", "webauthn.get"), ("challenge", text), ("origin", web_origin)):
        if value.get(name) != wanted:
            raise Refused(f"client: another {name}")
    if "topOrigin" in value or ("crossOrigin" in value and value["crossOrigin"] is not False):
        raise Refused("client: in another's frame")


def _authenticator(data: bytes, rp_id: str) -> None:
    if len(data) != 37 or data[:32] != sha256(rp_id.encode()).digest():
        raise Refused("authenticator: another length, or for another rpId")
    bits = [data[32] >> bit & 1 for bit in range(8)]
    if not (bits[0] and bits[2]) or bits[1] or bits[5] or bits[6] or bits[7] or (bits[4] and not bits[3]):
        raise Refused("authenticator: flags that must be set are not, or the reverse")


def _der(data: bytes) -> None:
    """Raises `ValueError` unless it is SEQUENCE { INTEGER, INTEGER } in the shortest form."""
    if len(data) < 2 or data[0] != 0x30 or data[1] != len(data) - 2 or data[1] > 127:
        raise ValueError
    at = 2
    for _ in range(2):
        if len(data) < at + 3 or data[at] != 2:
            raise ValueError
        length = data[at + 1]
        number = data[at + 2 : at + 2 + length]
        if not 1 <= length == len(number) or number[0] > 127 or (length > 1 and number[0] == 0 and number[1] < 128):
            raise ValueError
        at += 2 + length
    if at != len(data):
        raise ValueError


def main(arguments: list[str]) -> int:
    """The verdict on a file; 0 or 2."""
    if len(arguments) < 3:
        print("usage: event_verifier ENVELOPE WEB_ORIGIN KEY…", file=sys.stderr)
        return 2
    good, why = verdict(Path(arguments[0]).read_bytes(), arguments[2:], arguments[1])
    print(why)
    return 0 if good else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
