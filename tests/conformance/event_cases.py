"""Cases of signed events: Ed25519 keys and passkeys (section 11 of docs/record-format.md)."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from tests.conformance.building import Json, public, written
from tests.conformance.event_building import (
    CHALLENGE,
    FILE_KEY,
    ORDER,
    PAYLOAD,
    RP_ID,
    STRANGER,
    WEB_ORIGIN,
    EventCase,
    Passkey,
    authenticator_data,
    b64,
    by_file,
    changed,
    client_data,
    sealed,
)

# fmt: off
# One case a line.

ES256, ED25519, OTHER = Passkey("es256"), Passkey("ed25519"), Passkey("es256", "stranger")
FILE = public(FILE_KEY)
KEYS = (FILE, ES256.text, ED25519.text)
FILE_ID = by_file()["keyid"]


def good(slug: str, why: str, envelope: Json | bytes, *signed_by: str, keys: tuple[str, ...] = KEYS) -> EventCase:
    data = envelope if isinstance(envelope, bytes) else written(envelope)
    return EventCase("", slug, why, data, keys, signed_by)


def bad(rule: str, slug: str, why: str, envelope: Json | bytes, keys: tuple[str, ...] = KEYS) -> EventCase:
    return replace(good(slug, why, envelope, keys=keys), rule=rule)


def said(owner: Passkey = ES256, **members: object) -> Json:
    """An envelope whose browser says something else, truly signed."""
    return sealed(owner.signature(client_data(**members)))


def raw(client: bytes) -> Json:
    return sealed(ES256.signature(client))


def data(value: bytes, owner: Passkey = ES256) -> Json:
    return sealed(owner.signature(data=value))


def valid() -> Iterator[EventCase]:
    true = client_data()
    yield good("file", "a key file's signature", sealed(by_file()), FILE_ID)
    for owner in (ES256, ED25519):
        yield good(owner.kind, f"a passkey of {owner.kind}", sealed(owner.signature()), owner.id)
        yield good(f"{owner.kind}-synced", "a passkey that is backed up, with a counter", data(authenticator_data(0x1D, counter=7), owner), owner.id)
    yield good("all-three", "a key file and two passkeys", sealed(by_file(), ED25519.signature(), ES256.signature()), FILE_ID, ED25519.id, ES256.id)
    yield good("high-s", "the greater S", with_sig(lambda r, s: encode_dss_signature(r, ORDER - s)), ES256.id)
    yield good("no-cross-origin", "a browser that says nothing of frames", said(crossOrigin="-"), ES256.id)
    yield good("more-in-client-data", "what browsers add against templates", said(other_keys_can_be_added_here="do not compare"), ES256.id)
    yield good("client-data-spaced", "white space, and another order", raw(b" {" + true[1:-1].replace(b",", b" ,\n") + b"} "), ES256.id)
    yield good("client-data-escaped", "an escape in a text", raw(true.replace(b"webauthn.get", b"\\u0077ebauthn.get")), ES256.id)
    yield good("client-data-2048", "the largest", raw(true[:-1] + b" " * (2048 - len(true)) + b"}"), ES256.id)
    yield good("eligible", "could be backed up, and is not", data(authenticator_data(0x0D)), ES256.id)
    yield good("urlsafe", "URL-safe base64", changed(ES256, lambda v: urlsafe(v["signatures"][0])), ES256.id)
    yield good("stranger-beside", "a stranger's signature counts for nothing", sealed(OTHER.signature(), ES256.signature()), ES256.id)
    yield good("false-stranger-beside", "nor does a false one", sealed({**OTHER.signature(), "sig": ""}, ES256.signature()), ES256.id)
    yield good("twice", "counts once", sealed(ES256.signature(), ES256.signature()), ES256.id)
    yield good("member-in-webauthn", "a member that says nothing", changed(ES256, lambda v: v["signatures"][0]["webauthn"].update(more=1)), ES256.id)


def with_sig(change: object) -> Json:
    """The true envelope with (r, s) written anew."""
    one = ES256.signature()
    one["sig"] = b64(change(*decode_dss_signature(base64.b64decode(one["sig"]))))  # type: ignore[operator]
    return sealed(one)


def urlsafe(one: Json) -> None:
    for place, name in ((one, "sig"), (one["webauthn"], "authenticator_data"), (one["webauthn"], "client_data_json")):
        place[name] = place[name].replace("+", "-").replace("/", "_")


def shapes() -> Iterator[EventCase]:
    put = lambda told: changed(ES256, lambda v: v["signatures"][0].update(webauthn=told))  # noqa: E731
    part = lambda name, told: changed(ES256, lambda v: v["signatures"][0]["webauthn"].update({name: told}))  # noqa: E731
    for slug, told in (("null", None), ("text", "x"), ("list", []), ("empty", {}), ("number", 7)):
        yield bad("envelope", f"webauthn-{slug}", "webauthn is no object with the two texts", put(told))
    for name in ("authenticator_data", "client_data_json"):
        yield bad("envelope", f"{name}-number", "must be a text", part(name, 7))
        yield bad("envelope", f"{name}-unpadded", "must be padded", part(name, "AAA"))
        yield bad("envelope", f"{name}-space", "white space in base64", part(name, "AA AA"))
    yield bad("type", "record", "signed as a record", sealed(ES256.signature(), kind="application/vnd.repro.record.v1+json"))
    yield bad("webauthn", "missing", "a passkey's signature without what it signed", changed(ES256, lambda v: v["signatures"][0].pop("webauthn")))
    yield bad("webauthn", "missing-ed25519", "nor may a passkey sign as a key file", sealed({"keyid": ED25519.id, "sig": b64(ED25519.sign(b"DSSEv1"))}))
    yield bad("webauthn", "of-a-file", "a key file's signature says nothing of a browser", sealed({**by_file(), "webauthn": ES256.signature()["webauthn"]}))


def keys() -> Iterator[EventCase]:
    whole = sealed(by_file())
    parts = ES256.text.split(":")
    put = lambda at, text: (FILE, ":".join([*parts[:at], text, *parts[at + 1 :]]))  # noqa: E731
    for slug, why, at, text in (
        ("algorithm", "another algorithm", 1, "rs256"),
        ("algorithm-of-another", "65 bytes of Ed25519", 1, "ed25519"),
        ("off-the-curve", "a point that is not on P-256", 2, parts[2][:-1] + ("0" if parts[2][-1] != "0" else "1")),
        ("zero", "x and y 0", 2, "04" + "00" * 64),
        ("infinity", "the point at infinity", 2, "00"),
        ("compressed", "a compressed point", 2, "02" + parts[2][2:66]),
        ("beyond-the-field", "x is not below the prime", 2, "04" + "ff" * 32 + parts[2][66:]),
        ("capitals", "capital digits", 2, parts[2].upper()),
        ("half-a-byte", "an odd number of digits", 3, parts[3][1:]),
        ("no-credential", "no credential id", 3, ""),
        ("long-credential", "1024 bytes of it", 3, "00" * 1024),
        ("no-rp-id", "no rpId", 4, ""),
        ("address", "an address is no rpId", 4, "192.0.2.1"),
        ("rp-id-capitals", "capitals", 4, "Example.org"),
        ("rp-id-point", "a last point", 4, "example.org."),
        ("rp-id-underscore", "an underscore", 4, "exa_mple.org"),
        ("line-feed", "a line feed at the end", 4, RP_ID + "\n"),
    ):
        yield bad("key", slug, why, whole, put(at, text))
    small = f"passkey:ed25519:{'01' + '00' * 31}:00:{RP_ID}"
    yield bad("key", "small-order", "of small order: anybody signs for it", whole, (FILE, small))
    yield bad("key", "five-parts", "a part too many", whole, (FILE, ES256.text + ":x"))


def clients() -> Iterator[EventCase]:
    true = client_data()
    padded = base64.urlsafe_b64encode(CHALLENGE).decode()
    for slug, why, members in (
        ("type-create", "a registration", {"type": "webauthn.create"}),
        ("type-missing", "no type", {"type": "-"}),
        ("challenge-other", "over something else", {"challenge": "A" * 43}),
        ("challenge-padded", "padded", {"challenge": padded}),
        ("challenge-hex", "hexadecimal", {"challenge": CHALLENGE.hex()}),
        ("challenge-missing", "no challenge", {"challenge": "-"}),
        ("challenge-list", "in a list", {"challenge": [padded.rstrip("=")]}),
        ("origin-other", "another host of the same domain", {"origin": "https://evil.example.org"}),
        ("origin-scheme", "without TLS", {"origin": WEB_ORIGIN.replace("https", "http")}),
        ("origin-port", "with the port", {"origin": WEB_ORIGIN + ":443"}),
        ("origin-slash", "with a path", {"origin": WEB_ORIGIN + "/"}),
        ("origin-capitals", "in capitals", {"origin": WEB_ORIGIN.upper()}),
        ("origin-missing", "no web origin", {"origin": "-"}),
        ("cross-origin", "in another's frame", {"crossOrigin": True}),
        ("cross-origin-null", "null is not false", {"crossOrigin": None}),
        ("cross-origin-0", "0 is not false", {"crossOrigin": 0}),
        ("top-origin", "named another's frame", {"topOrigin": WEB_ORIGIN}),
        ("top-origin-null", "null of it", {"topOrigin": None}),
    ):
        yield bad("client", slug, why, said(**members))
    for slug, why, client in (
        ("empty", "nothing", b""),
        ("list", "no object", b"[" + true + b"]"),
        ("text", "a text", b'"webauthn.get"'),
        ("half", "cut off", true[:-1]),
        ("more", "goes on after its end", true + b"{}"),
        ("mark", "a byte order mark", b"\xef\xbb\xbf" + true),
        ("utf-16", "UTF-16", true.decode().encode("utf-16-le")),
        ("not-utf-8", "a byte that is not UTF-8", true[:-1] + b',"x":"\xff"}'),
        ("type-twice", "a name twice, the true one last", b'{"type":"webauthn.create",' + true[1:]),
        ("origin-twice", "a name twice, the true one first", true[:-1] + b',"origin":"https://evil.example.org"}'),
        ("inner-twice", "a name twice in an object that says nothing", true[:-1] + b',"x":{"a":1,"a":1}}'),
        ("nan", "NaN", true[:-1] + b',"x":NaN}'),
        ("deep", "2000 deep", b"[" * 2000),
        ("2049", "a byte too many", true[:-1] + b" " * (2049 - len(true)) + b"}"),
    ):
        yield bad("client", slug, why, raw(client))


def authenticators() -> Iterator[EventCase]:
    true = authenticator_data()
    for slug, why, flags in (
        ("no-up", "nobody present", 0x04), ("no-uv", "nobody verified", 0x01), ("no-flags", "neither", 0x00), ("bit-1", "a reserved bit", 0x07),
        ("bit-5", "a reserved bit", 0x25), ("at", "says that it holds a key", 0x45), ("ed", "says that it has extensions", 0x85),
        ("bs-without-be", "backed up, and never to be", 0x15),
    ):
        yield bad("authenticator", slug, why, data(authenticator_data(flags)))
    for slug, why, value in (
        ("rp-id", "another domain", authenticator_data(rp_id="evil.example")),
        ("rp-id-host", "the host, where the domain is meant", authenticator_data(rp_id="bench.example.org")),
        ("empty", "nothing", b""), ("36", "cut off", true[:-1]), ("38", "a byte too many", true + b"\0"),
        ("extension", "an extension", authenticator_data(0x85) + b"\xa1\x61a\x01"),
        ("no-extension", "an empty map of extensions", authenticator_data(0x85) + b"\xa0"),
    ):
        yield bad("authenticator", slug, why, data(value))


def signatures() -> Iterator[EventCase]:
    yield bad("signature", "stranger", "nobody who may", sealed(OTHER.signature()))
    yield bad("signature", "file-stranger", "nobody who may, with a key file", sealed(by_file(STRANGER)))
    for owner in (ES256, ED25519):
        one = owner.signature()
        true = base64.b64decode(one["sig"])
        for slug, why, sig in (
            ("of-another", "another's signature", (OTHER if owner is ES256 else Passkey("ed25519", "stranger")).sign(b"x")),
            ("empty", "nothing", b""), ("cut", "cut off", true[:-1]), ("longer", "a byte too many", true + b"\0"),
            ("over-the-event", "over the event's bytes, as a key file signs", owner.sign(b"DSSEv1 " + PAYLOAD)),
        ):
            yield bad("signature", f"{owner.kind}-{slug}", why, sealed({**one, "sig": b64(sig)}))
        for name in ("authenticator_data", "client_data_json"):
            other = authenticator_data(counter=1) if name == "authenticator_data" else client_data(more=1)
            told = {**one["webauthn"], name: b64(other)}
            yield bad("signature", f"{owner.kind}-{name}", "over another one", sealed({**one, "webauthn": told}))
    yield bad("signature", "one-false-of-two", "one false one refuses the whole", sealed(by_file(), {**ES256.signature(), "sig": b64(OTHER.sign(b"x"))}))
    yield from encodings()


def encodings() -> Iterator[EventCase]:
    def long_zero(r: int, s: int) -> bytes:
        first, second = der_integer(r), der_integer(s)
        return sequence(b"\x02" + bytes([first[1] + 1]) + b"\0" + first[2:] + second)

    for slug, why, change in (
        ("padded-integer", "a zero too many before r", long_zero),
        ("long-length", "the length in two bytes", lambda r, s: b"\x30\x81" + sequence(der_integer(r) + der_integer(s))[1:]),
        ("raw", "r and s side by side, as JOSE has them", lambda r, s: r.to_bytes(32, "big") + s.to_bytes(32, "big")),
        ("zero", "r and s 0", lambda r, s: sequence(b"\x02\x01\x00\x02\x01\x00")),
        ("s-plus-order", "S beyond the group's order", lambda r, s: sequence(der_integer(r) + der_integer(s + ORDER))),
        ("three-integers", "a third integer", lambda r, s: sequence(der_integer(r) + der_integer(s) + b"\x02\x01\x01")),
    ):
        yield bad("signature", f"der-{slug}", why, with_sig(change))


def der_integer(value: int) -> bytes:
    found = value.to_bytes(value.bit_length() // 8 + 1, "big")
    return b"\x02" + bytes([len(found)]) + found


def sequence(inner: bytes) -> bytes:
    return b"\x30" + bytes([len(inner)]) + inner
