"""What is false before anything is parsed: framing, heads, sizes, media types, addresses, methods."""

from __future__ import annotations

import base64
import json
from random import Random

from tests.support.hostile.request import Hostile, form, head, plain
from tests.support.hostile.scene import Scene

JSON = {"Content-Type": "application/json"}
SLOW_S = 8.0  # between the pieces of a body or head that never ends: five of them are more than 30 s
_TYPES = (
    "", "text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/mixed; boundary=b", "application/json5",
    "multipart/form-data", "multipart/form-data; boundary=", "text/html, application/json", "application/octet-stream", "*/*", "json",
    "application/vnd.dsse+json", "multipart/form-data; boundary=" + "b" * 200,
)  # fmt: skip
_TAKE = ("/v1/events", "/v1/reports", "/v1/events?dry_run=1", "/v1/events?place=1")
_TRICKS = (
    b"/%2e%2e/%2e%2e/etc/passwd", b"/..%2f..%2fetc/passwd", b"/v1/../../registry.db", b"/%00", b"/v1/entries/0%00", b"/%c0%ae%c0%ae/",
    b"/v1//entries/0", b"//evil.example/v1/registry", b"/v1/registry/", b"/V1/REGISTRY", b"/v1/registry;x=1", b"/v1/registry%20",
    b"/v1/%72egistry%2f", b"/.env", b"/.git/config", b"/v1/entries/0/..", b"/v1/entries/%2e", b"/records/%2e%2e/%2e%2e/registry.db",
    b"/tile/../registry.db", b"/tile/0/999999", b"/tile/entries/000.p/1%2f", b"/events/x.json", b"/events/%2e%2e%2fx.json", b"/a\\..\\b",
    b"/console/assets/..%2f..%2fguard.py", b"/console/assets/%2e%2e", b"/console/assets/console.css%00", b"/%ff%fe", b"/v1/rows/%27%3bdrop",
    b"http://evil.example/none", b"/checkpoints/-1", b"/checkpoints/1e9", b"/v1/keys/", b"/v1/keys/%", b"/v1/operators/%0d%0aX:y",
    b"/v1/operators/" + b"x" * 9000, b"/" + b"a/" * 8000, b"*", b"/v1/records/0/receipt", b"/v1/consistency", b"/v1/home?subject_sha256=x",
    b"/v1/consistency?old=5&size=1", b"/v1/entries/-1", b"/v1/entries/1e3", b"/v1/entries/" + b"9" * 400, b"/v1/entries/0x0",
)  # fmt: skip
_METHODS = (
    "PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "PROPFIND", "GETT", "get", "post", "LOCK", "M-SEARCH", "PURGE", "HEAD", "X" * 200,
)  # fmt: skip
_ADDRESSES = (
    "/v1/events",
    "/v1/registry",
    "/v1/challenges",
    "/v1/reports",
    "/v1/entries/0",
    "/console/acts",
    "/checkpoint",
)


def media_type(_scene: Scene, rng: Random) -> Hostile:
    kind, data = rng.choice(_TYPES), rng.choice((b"x", b"{}", form({"event": b"x"}), rng.randbytes(200)))
    return plain("POST", rng.choice(_TAKE), rng, {"Content-Type": kind}, data)


def json_depth(_scene: Scene, rng: Random) -> Hostile:
    depth = rng.randrange(9_000, 11_000)
    many = rng.choice(
        (b"[" * depth, b'{"event":' * depth, b"[" * depth + b"]" * depth, b"[]," * depth, b'{"a":[' * depth)
    )
    event = json.dumps({"event": base64.b64encode(many).decode()}).encode()
    return plain("POST", rng.choice(_TAKE), rng, JSON, rng.choice((many, b'{"event":' + many + b"}", event)))


def json_garbage(scene: Scene, rng: Random) -> Hostile:
    good = json.dumps({name: base64.b64encode(data).decode() for name, data in scene.unsent(rng).items()}).encode()
    cut = good[: rng.randrange(len(good))]
    data = rng.choice((
        cut, b"", b"null", b"[]", b"7", b'"x"', b"{}", b'{"event": NaN}', b'{"event": 1e999}', b'{"event": "\xff"}', b"\xef\xbb\xbf{}",
        b'{"event": "AA==", "more": "AA=="}', b'{"event": "not base64"}', b'{"event": null}', b'{"event": ["AA=="]}', b"1" * 100_000,
        b'{"' + b"x" * 500_000 + b'": 1}', rng.randbytes(rng.randrange(1, 5000)), good + b"x", good.replace(b'"event"', b'"Event"', 1),
        good.decode().encode("utf-16"), b'{"event": "' + b"A" * (2 << 20) + b'"}',
    ))  # fmt: skip
    return plain("POST", rng.choice(_TAKE), rng, JSON, data)


def multipart_garbage(scene: Scene, rng: Random) -> Hostile:
    """A good body, cut, doubled, or with bytes of its structure changed."""
    parts = scene.unsent(rng)
    body = form(parts)
    changed = rng.choice((
        lambda: body[: rng.randrange(len(body) - 4)], lambda: body.replace(b"--b", b"--c"), lambda: body.replace(b"\r\n", b"\n"),
        lambda: body.replace(b'name="event"', b'name="events"'), lambda: body.replace(b"Content-Disposition", b"X" * 2000),
        lambda: form({"event": parts["event"]})[:-7] + form(parts), lambda: b"\r\n" * 2000, lambda: b"--b--\r\n", lambda: b"--b\r\n" * 5000,
        lambda: form({f"part{n}": b"x" for n in range(2000)}), lambda: form({"event": b""}), lambda: form({"event": rng.randbytes(3000)}),
        lambda: body.replace(b'form-data; name="event"', b"form-data; name*=utf-8''event; name*0=x"),
        lambda: b"--b\r\n" + b"X: y\r\n" * 3000 + b"\r\nx\r\n--b--\r\n", lambda: form({"samples": parts["samples"]}),
        lambda: form({"event": b" " * (2 << 20)}), lambda: form({"event": parts["event"], "device_note": rng.randbytes(50_000)}),
    ))()  # fmt: skip
    return plain("POST", rng.choice(_TAKE), rng, {"Content-Type": "multipart/form-data; boundary=b"}, changed)


def chunked_over_the_limit(_scene: Scene, rng: Random) -> Hostile:
    size = rng.choice((0x10000, 0x40000, 0x200000))
    chunk = b"%x\r\n" % size + b"x" * size + b"\r\n"
    kind = rng.choice(("application/json", "multipart/form-data; boundary=b"))
    first = head("POST", rng.choice(_TAKE), rng, {"Content-Type": kind, "Transfer-Encoding": "chunked"})
    return Hostile((first, *[chunk] * (12 * 0x100000 // size), b"0\r\n\r\n"), cut=True)


def false_length(_scene: Scene, rng: Random) -> Hostile:
    """More than is sent, far too much, negative, no number, two of them, or beside chunks."""
    length = rng.choice(("99999999999", "9" * 300, "-1", "1e3", "0x10", "+5", " ", "8388609", "5, 6"))
    headers = {**JSON, "Content-Length": length}
    more = {"Transfer-Encoding": rng.choice(("gzip", "chunked, chunked", "identity"))} if rng.random() < 0.3 else {}
    return Hostile((head("POST", rng.choice(_TAKE), rng, headers | more) + b"{}",))


def slow_body(_scene: Scene, rng: Random) -> Hostile:
    return Hostile((head("POST", rng.choice(_TAKE), rng, JSON, 10_000), *[b" "] * 5), pause_s=SLOW_S)


def slow_head(_scene: Scene, rng: Random) -> Hostile:
    return Hostile((head("POST", "/v1/events", rng, JSON)[:-2], *[b"X: y\r\n"] * 5), pause_s=SLOW_S)


def not_http(_scene: Scene, rng: Random) -> Hostile:
    first = rng.choice((
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET /\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
        b"\0" * 100, rng.randbytes(500), b"GET / HTTP/1.1\r\nHost x\r\n\r\n", b"GET / HTTP/1.1\r\n Host: x\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
        b"POST /v1/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"GET  /  HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", b"SSH-2.0-x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: \x00\r\n\r\n", b"GET / HTTP/1.1\nHost: x\nX\x01: y\n\n",
    ))  # fmt: skip
    return Hostile((first + b"\r\n\r\n",), "GET")


def huge_head(_scene: Scene, rng: Random) -> Hostile:
    """Above the limit of a head in one header, in many, or in the address; or just below it."""
    size = rng.choice((60_000, 70_000, 300_000, 2_000_000))
    where = rng.randrange(4)
    path = "/v1/none?" + "x" * size if where == 0 else "/v1/none"
    many = {f"X-{n}": "y" * 20 for n in range(size // 40)} if where == 1 else {}
    one = {rng.choice(("Cookie", "Signature-Input", "Origin", "X" * 300)): "z" * size} if where == 2 else {}
    accept = {"Accept": "text/plain, " * (size // 12) + "x"} if where == 3 else {}
    return Hostile((head("GET", path, rng, many | one | accept),), "GET", cut=size > 60_000)


def two_in_one(scene: Scene, rng: Random) -> Hostile:
    """A second request in the body of the first, and upgrades that are not offered."""
    within = head("POST", "/v1/events", rng, {"Content-Type": "multipart/form-data; boundary=b"}) + form(
        scene.unsent(rng)
    )
    if rng.random() < 0.5:
        first = head("POST", "/v1/events", rng, {**JSON, "Transfer-Encoding": "chunked", "Content-Length": "4"})
        return Hostile((first + b"0\r\n\r\n" + within,))
    kind = rng.choice(("websocket", "h2c", "TLS/1.0"))
    upgrade = {
        "Connection": "Upgrade, HTTP2-Settings, close",
        "Upgrade": kind,
        "Sec-WebSocket-Key": "AA==",
        "HTTP2-Settings": "AA",
    }
    return plain("GET", rng.choice(("/v1/events", "/nothing", "/v1/submissions")), rng, upgrade)


def path_trick(_scene: Scene, rng: Random) -> Hostile:
    path = rng.choice(_TRICKS)
    if rng.random() < 0.3:
        junk = bytes(rng.choice(b"/.%2eEfF\\0aA~'\"()<>{}|^`-_") for _ in range(rng.randrange(1, 60)))
        path = b"/v1/rows/~" + junk
    return plain("GET", path, rng)


def method_trick(_scene: Scene, rng: Random) -> Hostile:
    method, path = rng.choice(_METHODS), rng.choice(_ADDRESSES)
    if method == "HEAD":
        path = "/v1/events"  # which tells nothing: a HEAD of what a GET tells is honest
    override = {"X-HTTP-Method-Override": "POST", "X-Method-Override": "DELETE"} if rng.random() < 0.5 else {}
    return plain(method, path, rng, override)


def parameter(_scene: Scene, rng: Random) -> Hostile:
    value = rng.choice(
        (
            "%00",
            "-1",
            "1e9",
            "9" * 100,
            "%27%20or%201=1--",
            "[]",
            "%f0%9f%92%a9",
            "null",
            "NaN",
            "true",
            "../x",
            "x" * 5000,
        )
    )
    path = rng.choice((
        f"/v1/consistency?old={value}&size=0{value}x", f"/v1/entries/~{value}", f"/v1/home?subject_sha256={value}&device_sha256={value}",
        f"/v1/rows/~{value}", f"/v1/operators/~{value}", f"/v1/operators/~{value}/limits", f"/v1/keys/~{value}", f"/v1/records/~{value}/receipt",
        f"/v1/submissions?handle={value}", f"/v1/challenges/{value}", f"/v1/queue/{value}?examine={value}", f"/v1/queue?examine_all={value}",
    ))  # fmt: skip
    return plain("GET", path.replace("/~../", "/~"), rng)
