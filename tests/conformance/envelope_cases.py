"""Cases of the envelope, the payload type, the keys and the signatures (sections 2 to 4 of docs/record-format.md)."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.conformance.building import (
    BASE,
    OPERATOR,
    RIG,
    STRANGER,
    TYPE,
    WHOLE,
    Case,
    canonical,
    changed,
    cut,
    keyid,
    of,
    pae,
    public,
    put,
    sealed,
    signature,
    statement,
    written,
)

# fmt: off
# One case a line.

GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
# The points of small order, of order 1, 2, 4, 4 and four of 8.
SMALL = [
    bytes.fromhex(text)
    for text in (
        "01" + "00" * 31,
        "ec" + "ff" * 30 + "7f",
        "00" * 32,
        "00" * 31 + "80",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    )
]
FIRST, SECOND = keyid(OPERATOR), keyid(RIG)
ONE = '"signatures":[{'
TEXT = WHOLE.decode()
SIGNED = pae(BASE)
TRUE = (OPERATOR.sign(SIGNED), RIG.sign(SIGNED))


def pair(first: bytes, second: bytes = TRUE[1]) -> bytes:
    """The base record with these bytes as the signatures of operator and rig."""
    return changed(lambda e: e.update(signatures=[signature(FIRST, first), signature(SECOND, second)]))


def with_more(*more: object) -> bytes:
    """The base record with further signatures behind its own."""
    return changed(lambda e: e["signatures"].extend(more))


def urlsafe(text: str) -> str:
    return text.replace("+", "-").replace("/", "_")


def valid() -> Iterator[Case]:
    def case(slug: str, why: str, data: bytes) -> Case:
        return Case("", slug, why, data)

    rich = canonical(statement(put("environment.x", "~~~???>>>ÿÿÿ")))
    odd = canonical(statement(put("environment.x", "." * ((1 - len(canonical(statement(put("environment.x", ""))))) % 3))))
    value = sealed(BASE)
    yield case("base", "the smallest record, signed by operator and rig", WHOLE)
    yield case("envelope-member-order", "the order of members is free", written(dict(reversed(value.items()))))
    yield case("envelope-white-space", "white space is free", json.dumps(value, indent="\t").replace("\n", "\r\n").encode() + b" \n")
    yield case("envelope-escapes", "a text may be escaped", TEXT.replace(TYPE, "\\u0061pplication\\/" + TYPE[12:]).encode())
    yield case("envelope-escaped-name", "so may a name", TEXT.replace('"payload"', '"p\\u0061yload"').encode())
    yield case("base64-url-safe", "the URL-safe alphabet", urlsafe(written(sealed(rich)).decode().replace(TYPE, "@")).replace("@", TYPE).encode())
    half = json.dumps(sealed(rich)["payload"]).replace("+", "-")
    assert {"-", "/"} <= set(half), "the vector would test nothing"
    yield case("base64-mixed", "both alphabets in one text", written(sealed(rich) | {"payload": json.loads(half)}))
    spare = sealed(odd)
    assert spare["payload"].endswith("Q=="), "the vector would test nothing"
    yield case("base64-spare-bits", "the spare bits of the last character are not looked at", written(spare | {"payload": spare["payload"][:-3] + "f=="}))
    yield case("signatures-reversed", "the rig's before the operator's", changed(lambda e: e["signatures"].reverse()))
    yield case("stranger-true", "a third signature, true, by a key that is not named", written(sealed(BASE, (STRANGER, OPERATOR, RIG))))
    yield case("stranger-false", "a third signature, false, by a key that is not named", with_more(signature(keyid(STRANGER), bytes(64))))
    yield case("stranger-empty", "a third signature without keyid and bytes", with_more(signature("", b"")))
    yield case("stranger-prefix", "a keyid of another scheme names no key here", with_more(signature("sha256:" + FIRST, bytes(64))))
    yield case("stranger-capitals", "a keyid in capitals names no key here", with_more(signature(FIRST.upper(), bytes(64))))
    yield case("sixteen-signatures", "as many as there may be", with_more(*[signature(str(i), b"") for i in range(14)]))
    yield case("operator-twice", "two true signatures of one key count as one", with_more(signature(FIRST, TRUE[0])))
    more = {"x": [1.5, 1e3, -0.0, None, {"y": [True]}], "z": "ä"}
    yield case("signature-members", "further members of a signature say nothing", changed(lambda e: e["signatures"][0].update(more)))
    yield case("signature-big-number", "not even a number of 500 digits", TEXT.replace(ONE, ONE + '"x":' + "9" * 500 + ",").encode())


def broken() -> Iterator[Case]:
    """What is no envelope."""

    def case(slug: str, why: str, data: bytes | str) -> Case:
        return Case("envelope", slug, why, data.encode() if isinstance(data, str) else data)

    def member(slug: str, why: str, **members: object) -> Case:
        return case(slug, why, changed(lambda e: e.update(members)))

    def first(slug: str, why: str, **members: object) -> Case:
        return case(slug, why, changed(lambda e: e["signatures"][0].update(members)))

    def without(name: str) -> Case:
        return case(f"no-{name}", f"without {name}", changed(lambda e: e.pop(name)))

    payload, sig = sealed(BASE)["payload"], sealed(BASE)["signatures"][0]["sig"]
    yield case("empty", "no bytes", b"")
    yield case("blank", "white space alone", b" \n")
    yield case("no-json", "is not JSON", b"record")
    yield case("truncated", "the last byte is missing", WHOLE[:-1])
    yield case("half", "the second half is missing", WHOLE[: len(WHOLE) // 2])
    yield case("trailing-byte", "a byte after its end", WHOLE + b"}")
    yield case("trailing-nul", "a NUL after its end", WHOLE + b"\0")
    yield case("trailing-object", "two values", WHOLE + b"\n{}")
    yield case("byte-order-mark", "begins with a byte order mark", b"\xef\xbb\xbf" + WHOLE)
    yield case("utf-16", "is UTF-16, not UTF-8", TEXT.encode("utf-16-le"))
    yield case("invalid-utf-8", "a byte that is not UTF-8", WHOLE.replace(ONE.encode(), ONE.encode() + b'"x":"\xff",'))
    yield case("surrogate-bytes", "a surrogate as UTF-8", WHOLE.replace(ONE.encode(), ONE.encode() + b'"x":"\xed\xa0\x80",'))
    yield case("array", "a list around it", f"[{TEXT}]")
    yield case("names-in-array", "a list of the names", b'["payloadType","payload","signatures"]')
    yield case("text", "a text", json.dumps(TEXT[:400]))
    yield case("null", "null", b"null")
    for name in ("payloadType", "payload", "signatures"):
        yield without(name)
    yield member("more-members", "a fourth member", extra=0)
    yield member("type-number", "the type is no text", payloadType=1)
    yield member("type-null", "the type is null", payloadType=None)
    yield member("payload-object", "the payload stands in it as JSON", payload={})
    yield member("payload-null", "the payload is null", payload=None)
    yield member("payload-list", "the payload is a list of texts", payload=[payload])
    yield member("signatures-object", "one signature without a list", signatures=signature(FIRST, TRUE[0]))
    yield member("signatures-null", "the signatures are null", signatures=None)
    yield member("signatures-text", "the signatures are a text", signatures=sig)
    yield member("signatures-none", "an empty list", signatures=[])
    yield case("seventeen-signatures", "one more than there may be", with_more(*[signature(str(i), b"") for i in range(15)]))
    yield case("signature-text", "a signature is no object", with_more(sig))
    yield case("signature-null", "a signature is null", with_more(None))
    yield case("signature-list", "a signature is a list", with_more([FIRST, sig]))
    yield case("no-keyid", "a signature without keyid", with_more({"sig": ""}))
    yield case("no-sig", "a signature without sig", with_more({"keyid": ""}))
    yield case("keyid-null", "a keyid that is null", with_more({"keyid": None, "sig": ""}))
    yield case("keyid-number", "a keyid that is a number", with_more({"keyid": 7, "sig": ""}))
    yield first("sig-null", "a sig that is null", sig=None)
    yield first("sig-bytes", "a sig as a list of bytes", sig=list(TRUE[0]))
    yield case("payload-twice", "the payload twice, equal", TEXT.replace('"payload":', f'"payload":"{payload[:8]}","payload":'))
    yield case("payload-twice-escaped", "the payload twice, one name escaped", TEXT.replace('"payload":', '"p\\u0061yload":"","payload":'))
    yield case("type-twice", "the type twice", TEXT.replace('{"payloadType"', f'{{"payloadType":"{TYPE}","payloadType"'))
    yield case("signatures-twice", "the signatures twice", TEXT.replace('"signatures"', '"signatures":[],"signatures"'))
    yield case("keyid-twice", "a keyid twice", TEXT.replace(ONE, ONE + '"keyid":"",'))
    yield case("sig-twice", "a sig twice", TEXT.replace(ONE, ONE + '"sig":"",'))
    yield case("deep-name-twice", "a name twice far inside", TEXT.replace(ONE, ONE + '"x":[{"a":1,"a":1}],'))
    yield case("not-a-number", "NaN is no JSON", TEXT.replace(ONE, ONE + '"x":NaN,'))
    yield case("infinity", "-Infinity is no JSON", TEXT.replace(ONE, ONE + '"x":[-Infinity],'))
    yield case("leading-zero", "01 is no JSON", TEXT.replace(ONE, ONE + '"x":01,'))
    yield case("trailing-comma", "a comma before the end", TEXT[:-1] + ",}")
    yield case("comment", "a comment", "/* */" + TEXT)
    yield case("single-quotes", "single quotes", TEXT.replace('"', "'"))
    yield case("raw-line-break", "a line break in a text", TEXT.replace(f'"{TYPE}"', f'"{TYPE}\n"'))
    yield case("depth-bomb", "3000 lists in one another", "[" * 3000)
    yield member("base64-space", "a space in the payload", payload=payload[:40] + " " + payload[40:])
    yield member("base64-line-break", "line breaks, as in MIME", payload=payload[:76] + "\r\n" + payload[76:])
    yield first("base64-unpadded", "a sig without padding", sig=sig.rstrip("="))
    yield first("base64-half-padded", "a sig with one = of two", sig=sig[:-1])
    yield first("base64-padded-more", "a sig with three =", sig=sig + "=")
    yield first("base64-padded-inside", "padding in the middle of a sig", sig=sig[:42] + "==" + sig[42:])
    yield first("base64-padding-first", "padding before a sig", sig="====" + sig)
    yield first("base64-behind-padding", "more behind the padding", sig=sig + "AAAA")
    yield first("base64-other-sign", "a sign of no alphabet", sig="*" + sig[1:])
    yield first("base64-not-ascii", "a fullwidth letter", sig="Ａ" + sig[1:])
    yield first("base64-hexadecimal", "a sig in hexadecimal, of 127 digits", sig=TRUE[0].hex()[:-1])
    yield case("base64-of-a-stranger", "no base64 in a signature that would not count", with_more({"keyid": "", "sig": "*"}))


def types() -> Iterator[Case]:
    """Truly signed, as something else."""
    for slug, kind in {
        "event": "application/vnd.repro.event.v1+json",
        "decision": "application/vnd.repro.decision.v1+json",
        "checkpoint": "application/vnd.repro.checkpoint.v1+json",
        "in-toto": "application/vnd.in-toto+json",
        "json": "application/json",
        "empty": "",
        "version-2": "application/vnd.repro.record.v2+json",
        "capitals": TYPE.upper(),
        "space": TYPE + " ",
        "line-feed": TYPE + "\n",
        "parameter": TYPE + "; charset=utf-8",
        "prefix": TYPE[:-5],
        "cyrillic": TYPE.replace("o", "о"),
    }.items():
        yield Case("type", slug, f"signed as {kind!r}", written(sealed(BASE, kind=kind)))


def signatures() -> Iterator[Case]:
    """False ones, and ones that are missing."""

    def case(slug: str, why: str, data: bytes) -> Case:
        return Case("signature", slug, why, data)

    def over(slug: str, why: str, signed: bytes) -> Case:
        return case(slug, why, pair(OPERATOR.sign(signed), RIG.sign(signed)))

    def flipped(data: bytes, index: int) -> bytes:
        return bytes(byte ^ (1 if i == index else 0) for i, byte in enumerate(data))

    for place in (0, 31, 32, 63):
        part = f"{'R' if place < 32 else 'S'}, byte {place % 32}"
        yield case(f"flip-operator-{place}", f"one bit of the operator's {part}", pair(flipped(TRUE[0], place)))
        yield case(f"flip-rig-{place}", f"one bit of the rig's {part}", pair(TRUE[0], flipped(TRUE[1], place)))
    for slug, old, new in (
        ("seed", b'"seed":7', b'"seed":6'),
        ("version", b'"schema_version":"1.2"', b'"schema_version":"1.3"'),
        ("handle", b'"handle":"lighthouse"', b'"handle":"lighthousf"'),
        ("boolean", b'"resumed":false', b'"resumed":true'),
        ("null", b'"budget_s":null', b'"budget_s":0'),
        ("text", b'"headline":""', b'"headline":"x"'),
        ("digest", b'"worker_sha256":"0', b'"worker_sha256":"1'),
        ("synthetic", b'"synthetic":false', b'"synthetic":true'),
        ("member-added", b'"derived":{}', b'"derived":{"a":1}'),
        ("last-byte", b'samples.parquet"}]}', b'samples.parquet"}],"x":0}'),
    ):
        assert BASE.count(old) == 1, old
        payload = BASE.replace(old, new)
        yield case(f"payload-{slug}", f"{old.decode()} became {new.decode()} after signing", changed(lambda e, p=payload: e.update(payload=base64.b64encode(p).decode())))  # type: ignore[misc]
    yield case("no-operator", "the operator has not signed", written(sealed(BASE, (RIG,))))
    yield case("no-rig", "the rig has not signed", written(sealed(BASE, (OPERATOR,))))
    yield case("stranger-alone", "a key that is not named has signed", written(sealed(BASE, (STRANGER,))))
    yield case("stranger-for-rig", "operator and a stranger, not the rig", written(sealed(BASE, (OPERATOR, STRANGER))))
    yield case("operator-twice-no-rig", "the operator twice, the rig not", written(sealed(BASE, (OPERATOR, OPERATOR))))
    yield case("rig-twice-no-operator", "the rig twice, the operator not", written(sealed(BASE, (RIG, RIG))))
    yield case("swapped", "each under the keyid of the other", pair(TRUE[1], TRUE[0]))
    yield case("stranger-under-operator", "a stranger's under the operator's keyid", pair(STRANGER.sign(SIGNED)))
    for slug, why, name in (
        ("capitals", "in capitals", FIRST.upper()),
        ("short", "cut to 16 digits", FIRST[:16]),
        ("empty", "empty", ""),
        ("public-key", "the key itself", public(OPERATOR)),
        ("prefixed", "with sha256: before it", "sha256:" + FIRST),
        ("space", "with a space behind it", FIRST + " "),
        ("other", "that of nobody", "0" * 64),
    ):
        yield case(f"keyid-{slug}", f"the operator's true signature under a keyid {why}", changed(lambda e, n=name: e["signatures"][0].update(keyid=n)))  # type: ignore[misc]
    yield case("false-behind-true", "a false one of the operator behind the true one", with_more(signature(FIRST, bytes(64))))
    yield case("false-before-true", "a false one of the rig before the true ones", changed(lambda e: e["signatures"].insert(0, signature(SECOND, TRUE[0]))))
    for size in (0, 32, 63, 65, 128):
        yield case(f"length-{size}", f"{size} bytes are no signature", pair((TRUE[0] * 2)[:size]))
    yield case("zeros", "64 zeros", pair(bytes(64)))
    beyond = (int.from_bytes(TRUE[0][32:], "little") + GROUP_ORDER).to_bytes(32, "little")
    yield case("s-not-reduced", "S plus the order of the group", pair(TRUE[0][:32] + beyond))
    yield case("halves-swapped", "S before R", pair(TRUE[0][32:] + TRUE[0][:32]))
    yield case("small-order-r", "R of small order, S = 0, under an honest key", pair(SMALL[0] + bytes(32)))
    other = pae(canonical(statement(put("run.seed", 8))))
    yield over("other-record", "both signed another record", other)
    yield over("payload-alone", "signed without type and lengths", BASE)
    yield over("base64-text", "signed over the base64 text", pae(base64.b64encode(BASE)))
    yield over("digest-alone", "signed over the sha256 of what should be signed", sha256(SIGNED).digest())
    yield over("id", "signed over the record's id", pae(sha256(BASE).hexdigest().encode()))
    yield over("event-as-record", "signed as an event, shown as a record", pae(BASE, "application/vnd.repro.event.v1+json"))
    yield over("json-as-record", "signed as JSON, shown as a record", pae(BASE, "application/json"))
    yield over("pae-version", "DSSEv2", SIGNED.replace(b"DSSEv1", b"DSSEv2"))
    yield over("pae-line-feed", "a line feed behind it", SIGNED + b"\n")
    yield over("pae-no-type-length", "without the type's length", SIGNED.replace(b"DSSEv1 36 ", b"DSSEv1 "))
    yield over("pae-no-payload-length", "without the payload's length", SIGNED.replace(b" %d {" % len(BASE), b" {"))
    yield over("pae-leading-zero", "a leading zero in a length", SIGNED.replace(b" 36 ", b" 036 "))
    yield over("pae-line-feeds", "line feeds for spaces", SIGNED.replace(b" ", b"\n", 4))
    yield over("pae-binary-lengths", "lengths as eight little-endian bytes", b"".join([(2).to_bytes(8, "little"), (36).to_bytes(8, "little"), TYPE.encode(), len(BASE).to_bytes(8, "little"), BASE]))
    text = canonical(statement(put("environment.x", "ä€😀")))
    wrong = pae(text).replace(b" %d {" % len(text), b" %d {" % len(text.decode()))
    by = [signature(keyid(one), one.sign(wrong)) for one in (OPERATOR, RIG)]
    yield case("pae-characters", "the payload's length in characters, not bytes", written(sealed(text) | {"signatures": by}))
    yield case("other-operator", "the record names a stranger as its operator, who has not signed", of(put("operator.operator_key", public(STRANGER))))
    yield case("other-rig", "the record names a stranger's machine, which has not signed", of(put("operator.rig_key", public(STRANGER))))
    yield case("no-point", "the operator's key is no point of the curve", of(put("operator.operator_key", "02" + "00" * 31)))


def people() -> Iterator[Case]:
    """Records that name no proper operator, or no proper keys; truly signed for what they name."""

    def named(slug: str, why: str, handle: str) -> Case:
        return Case("operator", slug, why, of(put("operator.handle", handle)))

    yield Case("operator", "none", "a 1.2 without operator", of(cut("operator")))
    yield Case("operator", "null", "an operator that is null", of(put("operator", None)))
    yield named("handle-empty", "an empty handle", "")
    yield named("handle-short", "a handle of one character", "a")
    yield named("handle-long", "a handle of 33 characters", "a" * 33)
    yield named("handle-capitals", "capitals in a handle", "Lighthouse")
    yield named("handle-dash-first", "a handle that begins with a dash", "-lighthouse")
    yield named("handle-line-feed", "a line feed behind a handle", "lighthouse\n")
    yield named("handle-not-ascii", "a Cyrillic letter in a handle", "lighthоuse")
    yield named("handle-path", "a path for a handle", "../lighthouse")

    def one(value: object) -> None:
        put("operator.rig_key", public(OPERATOR))(value)

    yield Case("keys", "one-for-both", "one key as operator and rig, signed once", written(sealed(canonical(statement(one)), (OPERATOR,))))
    yield Case("keys", "one-for-both-twice", "one key as operator and rig, signed twice", written(sealed(canonical(statement(one)), (OPERATOR, OPERATOR))))
    for point, order in zip(SMALL, (1, 2, 4, 4, 8, 8, 8, 8), strict=True):
        yield Case("keys", f"small-order-{point.hex()[:2]}-{point.hex()[-2:]}", f"the operator's key has order {order}: signed by nobody", anybody(point))


def anybody(point: bytes) -> bytes:
    """A record whose operator's key is a point of small order, with a signature that holds and that no private key made."""
    name = sha256(point).hexdigest()
    for seed in range(1000):
        payload = canonical(statement(lambda s, n=seed: (put("operator.operator_key", point.hex())(s), put("run.seed", n)(s))))  # type: ignore[misc]
        for r in SMALL:
            try:
                Ed25519PublicKey.from_public_bytes(point).verify(r + bytes(32), pae(payload))
            except InvalidSignature:
                continue
            value = sealed(payload, (RIG,))
            value["signatures"].insert(0, signature(name, r + bytes(32)))
            return written(value)
    raise AssertionError(f"no signature holds for {point.hex()}")
