"""Two ceremonies: a passkey signs a challenge, and a passkey is made. What pages need for them, and what forms bring back."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from harness.errors import BadInput, Unsigned
from harness.record.passkey import Assertion, PasskeyKey, verify_assertion
from harness.record.passkey_registration import registered
from harness.service.console.forms import Form, decoded


@dataclass(frozen=True, slots=True)
class Signing:
    """One assertion that a page asks for."""

    challenge: bytes
    keys: Sequence[PasskeyKey]  # any of which may sign

    @property
    def challenge_text(self) -> str:
        """As the script reads it."""
        return base64.b64encode(self.challenge).decode()

    @property
    def rp_id(self) -> str:
        """The domain of the passkeys."""
        return self.keys[0].rp_id if self.keys else ""

    @property
    def credentials(self) -> str:
        """Ids of the passkeys, base64, with spaces between."""
        return " ".join(base64.b64encode(key.credential_id).decode() for key in self.keys)


@dataclass(frozen=True, slots=True)
class Enrolling:
    """One passkey that a page asks to be made."""

    challenge: bytes
    rp_id: str
    user: bytes
    name: str

    @property
    def challenge_text(self) -> str:
        """As the script reads it."""
        return base64.b64encode(self.challenge).decode()

    @property
    def user_text(self) -> str:
        """As the script reads it."""
        return base64.b64encode(self.user).decode()


def sign_in_challenge(origin: str, nonce: str) -> bytes:
    """What signs somebody in: never the digest of an event, whose bytes begin otherwise."""
    return sha256(f"repro-harness sign-in\n{origin}\n{nonce}".encode()).digest()


def enrol_challenge(origin: str, nonce: str, number: int) -> bytes:
    """What a new passkey is made over; `number`: 0 the key, 1 the next one."""
    return sha256(f"repro-harness passkey {number}\n{origin}\n{nonce}".encode()).digest()


def enrolling(origin: str, nonce: str, number: int, rp_id: str, name: str) -> Enrolling:
    """A passkey of its own person: the authenticator keeps both apart."""
    return Enrolling(enrol_challenge(origin, nonce, number), rp_id, secrets.token_bytes(16), name)


def assertions(form: Form) -> list[tuple[bytes, Assertion]]:
    """Of each that the form brings the credential's id and the assertion. Raises `BadInput`."""
    names = ("credential", "authenticator_data", "client_data_json", "signature")
    columns = [[decoded(text, name) for text in form.all(name)] for name in names]
    if not columns[0] or len({len(column) for column in columns}) != 1 or not all(map(all, columns)):
        raise BadInput("must be signed with a passkey", where="signature", fix="open the page again, with its script")
    return [(one[0], Assertion(one[1], one[2], one[3])) for one in zip(*columns, strict=True)]


def signer(keys: Sequence[PasskeyKey], credential: bytes) -> PasskeyKey:
    """The passkey of that credential. Raises `Unsigned`."""
    for key in keys:
        if key.credential_id == credential:
            return key
    raise Unsigned("is not a passkey that may sign here", where="passkey", fix="use one of an editor on the list")


def checked(key: PasskeyKey, challenge: bytes, assertion: Assertion, web_origin: str) -> None:
    """Raises `Unsigned` unless the passkey has signed the challenge at this address."""
    try:
        verify_assertion(key, challenge, assertion, web_origin)
    except ValueError as error:
        raise Unsigned(f"is not signed ({error})", where="passkey", fix="sign in again") from None


def made(form: Form, number: int, challenge: bytes, web_origin: str, rp_id: str) -> PasskeyKey:
    """The new passkey of that number. Raises `BadInput`."""
    columns = [form.all("client_data_json"), form.all("attestation_object")]
    if any(len(column) <= number or not column[number] for column in columns):
        raise BadInput("must bring two passkeys", where="passkey", fix="open the page again, with its script")
    data, attestation = (decoded(column[number], "passkey") for column in columns)
    try:
        return registered(data, attestation, challenge, web_origin, rp_id)
    except ValueError as error:
        raise BadInput(f"is not a passkey that can be used ({error})", where="passkey", fix="make another") from None
