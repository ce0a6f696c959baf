"""Assertions of a passkey that are none of the act that they come with."""

from __future__ import annotations

from dataclasses import replace

from harness.record.passkey import Assertion
from harness.registry.actions.passkeys import Prepared
from tests.support.authenticator import Authenticator
from tests.support.passkey_world import passkey


def forged(owner: Authenticator, made: Prepared, web_origin: str) -> dict[str, Assertion]:
    """By what is wrong."""
    true = owner.assertion(made.challenge, web_origin)
    say = lambda **said: owner.assertion(made.challenge, web_origin, **said)  # noqa: E731
    return {
        "another challenge": owner.assertion(bytes(32), web_origin),
        "another web origin": owner.assertion(made.challenge, "https://evil.example.org"),
        "another scheme": owner.assertion(made.challenge, web_origin.replace("http", "ftp")),
        "another rpId": say(rp_id="evil.example"),
        "nobody verified": say(flags=0x01),
        "nobody present": say(flags=0x04),
        "a key in it": say(flags=0x45),
        "an extension": say(data=owner.data(0x85) + b"\xa1\x61a\x01"),
        "a registration": say(type="webauthn.create"),
        "a frame": say(crossOrigin=True),
        "a name twice": say(client=true.client_data_json[:-1] + b',"type":"webauthn.get"}'),
        "no JSON": say(client=b"\x00\xff"),
        "deep JSON": say(client=b"[" * 2048),
        "huge": say(client=b'{"x":"' + b"y" * 500_000 + b'"}'),
        "cut off": replace(true, authenticator_data=true.authenticator_data[:36]),
        "empty": Assertion(b"", b"", b""),
        "another's signature": replace(
            true, signature=passkey("mallory").assertion(made.challenge, web_origin).signature
        ),
        "no DER": replace(true, signature=bytes(64)),
    }
