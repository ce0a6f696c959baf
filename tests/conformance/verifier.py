"""A verifier of signed records, written from docs/record-format.md and docs/schema/record-v1.json alone.

Standard library and `cryptography`; nothing of the harness. It doesn't derive the results from the samples again (section 9).

    python tests/conformance/verifier.py FOLDER    # record.dsse.json [record.json] [samples.parquet]; exit status 0 or 2
"""

from __future__ import annotations

import base64
import json
import re
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PAYLOAD_TYPE = "application/vnd.repro.record.v1+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:repro-harness:record:v1"
ENVELOPE_LIMIT, PAYLOAD_LIMIT, SIGNATURES_LIMIT, DEPTH_LIMIT = 32 << 20, 16 << 20, 16, 32
SCHEMA: dict[str, Any] = json.loads((Path(__file__).parents[2] / "docs" / "schema" / "record-v1.json").read_text())
# The y of every point of small order, with the second spellings of p, 0 and 1.
SMALL_ORDER = {0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18} | {
    int.from_bytes(bytes.fromhex(text), "little")
    for text in (
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    )
}
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/_-]{4})*+(?:[A-Za-z0-9+/_-]{2}==|[A-Za-z0-9+/_-]{3}=)?")
_HANDLE = re.compile(r"[a-z0-9][a-z0-9_-]{1,31}")
_NUMBER = re.compile(r"(?:0|-?[1-9][0-9]{0,15})(?![0-9.eE])")
# Escapes that RFC 8785 writes: the seven short ones, and \u00xx in small letters for the other control characters.
_TEXT = re.compile(r'"((?:[^"\\\x00-\x1f]++|\\["\\bfnrt]|\\u00(?:0[0-7bef]|1[0-9a-f]))*+)"')
_WORDS = {"true": True, "false": False, "null": None}
_TYPES = {"string": str, "integer": int, "boolean": bool, "null": type(None), "object": dict, "array": list}
_KEYWORDS = {"$ref", "anyOf", "type", "enum", "pattern", "minimum", "properties", "required", "items"}
_ANNOTATIONS = {"$schema", "$id", "$defs", "title", "description", "default", "additionalProperties"}


class Refused(Exception):
    """The rule that was broken, a colon, and how."""


def verdict(envelope: bytes, samples: bytes | None) -> tuple[bool, str]:
    """Whether the bytes are a signed record, and of whom, or the rule that they break. Samples are checked where given."""
    try:
        payload, record = _record(envelope)
        told = record["samples"]["sha256"]
        if samples is not None and sha256(samples).hexdigest() != told:
            raise Refused("samples: their digest is not that of the record")
        seen = "" if samples is not None else ", its samples not seen"
        return True, f"{sha256(payload).hexdigest()} signed by {record['operator']['handle']}{seen}"
    except Refused as error:
        return False, str(error)


def _record(data: bytes) -> tuple[bytes, Any]:
    """The payload and its predicate, every rule of the sections 2 to 7 held."""
    kind, payload, signatures = _envelope(data)
    if kind != PAYLOAD_TYPE:
        raise Refused("type: signed as something else")
    # The keys stand inside: it is parsed to find them, and nothing in it counts before their signatures hold.
    statement = _parsed(payload)
    predicate = _predicate(statement)
    _obey(predicate, SCHEMA, "predicate")
    operator = predicate.get("operator")
    if operator is None:
        raise Refused("operator: names none")
    if _HANDLE.fullmatch(operator["handle"]) is None:
        raise Refused("operator: the handle is none")
    _signed(payload, signatures, [operator["operator_key"], operator["rig_key"]])
    _bound(statement, predicate["samples"])
    _ended(predicate)
    return payload, predicate


def _envelope(data: bytes) -> tuple[str, bytes, list[tuple[str, bytes]]]:
    """Section 2: payload type, payload, and (keyid, signature) in order."""
    if len(data) > ENVELOPE_LIMIT:
        raise Refused("envelope: too large")
    try:
        # Numbers say nothing here and become null: nobody's limit of their length decides.
        value = json.loads(
            data.decode(), object_pairs_hook=_unique, parse_constant=_never, parse_int=_null, parse_float=_null
        )
    except (ValueError, RecursionError):
        raise Refused("envelope: is not JSON in UTF-8") from None
    if not isinstance(value, dict) or set(value) != {"payloadType", "payload", "signatures"}:
        raise Refused("envelope: does not hold the three members and no other")
    kind, found = value["payloadType"], value["signatures"]
    if not isinstance(kind, str) or not isinstance(found, list) or not 1 <= len(found) <= SIGNATURES_LIMIT:
        raise Refused("envelope: a type that is no text, or no list of 1 to 16 signatures")
    if not all(isinstance(one, dict) and isinstance(one.get("keyid"), str) for one in found):
        raise Refused("envelope: a signature without a keyid")
    return kind, _bytes(value["payload"]), [(one["keyid"], _bytes(one.get("sig"))) for one in found]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError
    return dict(pairs)


def _never(text: str) -> None:
    raise ValueError(text)


def _null(text: str) -> None:
    return None


def _bytes(text: Any) -> bytes:
    if not isinstance(text, str) or _BASE64.fullmatch(text) is None:
        raise Refused("envelope: no base64")
    return base64.b64decode(text.replace("-", "+").replace("_", "/"))


def _signed(payload: bytes, signatures: list[tuple[str, bytes]], keys: list[str]) -> None:
    """Sections 3 and 4."""
    if keys[0] == keys[1]:
        raise Refused("keys: one key in both roles")
    if any(int.from_bytes(bytes.fromhex(key), "little") % 2**255 in SMALL_ORDER for key in keys):
        raise Refused("keys: of small order, anybody signs for it")
    wanted = {sha256(bytes.fromhex(key)).hexdigest(): bytes.fromhex(key) for key in keys}
    signed = b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)
    for keyid, signature in signatures:
        if keyid in wanted:
            try:
                Ed25519PublicKey.from_public_bytes(wanted[keyid]).verify(signature, signed)
            except (InvalidSignature, ValueError):
                raise Refused("signature: a false one") from None
    if not wanted.keys() <= {keyid for keyid, _ in signatures}:
        raise Refused("signature: the operator or the rig has not signed")


def _parsed(payload: bytes) -> Any:
    """Section 5: the value of text that RFC 8785 would have written; no other text has one."""
    if len(payload) > PAYLOAD_LIMIT:
        raise Refused("canonical: too large")
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        raise Refused("canonical: is not UTF-8") from None
    value, end = _value(text, 0, 0)
    if end != len(text):
        raise Refused(f"canonical: goes on after its end, at character {end}")
    return value


def _value(text: str, at: int, depth: int) -> tuple[Any, int]:
    if depth > DEPTH_LIMIT:
        raise Refused("canonical: nested too deep")
    opening = text[at : at + 1]
    if opening and opening in "{[":
        return _members(text, at + 1, depth + 1) if opening == "{" else _items(text, at + 1, depth + 1)
    if opening == '"':
        return _text(text, at)
    for word, meaning in _WORDS.items():
        if text.startswith(word, at):
            return meaning, at + len(word)
    number = _NUMBER.match(text, at)
    if number is None or abs(int(number[0])) >= 2**53:
        raise Refused(f"canonical: no value, or no integer below 2^53, at character {at}")
    return int(number[0]), number.end()


def _items(text: str, at: int, depth: int) -> tuple[list[Any], int]:
    found: list[Any] = []
    while text[at : at + 1] != "]":
        item, at = _value(text, _after(text, at, ",") if found else at, depth)
        found.append(item)
    return found, at + 1


def _members(text: str, at: int, depth: int) -> tuple[dict[str, Any], int]:
    found: dict[str, Any] = {}
    before = None
    while text[at : at + 1] != "}":
        name, at = _text(text, _after(text, at, ",") if found else at)
        if not name.isascii() or (before is not None and name <= before):
            raise Refused(f"canonical: a name that is not ASCII, or not after the one before it, at character {at}")
        found[name], at = _value(text, _after(text, at, ":"), depth)
        before = name
    return found, at + 1


def _text(text: str, at: int) -> tuple[str, int]:
    match = _TEXT.match(text, at)
    if match is None:
        raise Refused(f"canonical: no text as RFC 8785 writes it, at character {at}")
    return (json.loads(match[0]) if "\\" in match[1] else match[1]), match.end()


def _after(text: str, at: int, mark: str) -> int:
    if text[at : at + 1] != mark:
        raise Refused(f"canonical: no {mark!r} at character {at}")
    return at + 1


def _predicate(statement: Any) -> Any:
    """Section 6."""
    if not isinstance(statement, dict) or statement.get("_type") != STATEMENT_TYPE:
        raise Refused("statement: no in-toto Statement v1")
    predicate = statement.get("predicate")
    if statement.get("predicateType") != PREDICATE_TYPE or not isinstance(predicate, dict):
        raise Refused("statement: another predicate")
    version = predicate.get("schema_version")
    if not isinstance(version, str) or version.partition(".")[0] != "1":
        raise Refused("version: is not 1.x")
    return predicate


def _bound(statement: Any, samples: Any) -> None:
    """Section 7."""
    names: dict[str, str] = {}
    subjects = statement.get("subject")
    for one in subjects if isinstance(subjects, list) else [None]:
        name, digest = (one.get("name"), one.get("digest")) if isinstance(one, dict) else (None, None)
        value = digest.get("sha256") if isinstance(digest, dict) else None
        if not isinstance(name, str) or not isinstance(value, str) or name in names:
            raise Refused("subjects: one without a name of its own or without a sha256")
        names[name] = value
    if names.get(samples["file"]) != samples["sha256"]:
        raise Refused("binding: no subject is the samples")


def _ended(predicate: Any) -> None:
    """Section 6: what a run that failed must not hold, and one that completed must, where it says how it ended."""
    outcome = predicate.get("outcome")
    if outcome is None:
        return
    numbers = [predicate[name] for name in ("processes", "results", "process_results", "derived", "checks")]
    told = [outcome["reason"] is not None, outcome["stage"] is not None]
    if outcome["status"] == "completed":
        if any(told) or outcome["error"] or not outcome["loaded"]:
            raise Refused("outcome: completed, with a reason, a stage, an error, or nothing loaded")
        if not (numbers[0] and numbers[1] and predicate["samples"]["rows"]):
            raise Refused("outcome: completed, without processes, results or samples")
        return
    if not all(told) or (outcome["stage"] != "load" and not outcome["loaded"]):
        raise Refused("outcome: failed, without a reason or a stage, or after a load that was none")
    placed = [one for one in predicate["findings"] if one["workload"] or one["metric"]]
    if any(numbers) or placed or predicate["probe"] is not None or predicate["samples"]["rows"]:
        raise Refused("outcome: failed, with what only a completed run has")


def _obey(value: Any, rule: dict[str, Any], place: str) -> None:
    """The JSON Schema keywords that the published schema uses; another one in it is a fault of this file."""
    if unknown := rule.keys() - _KEYWORDS - _ANNOTATIONS:
        raise NotImplementedError(f"{place}: {unknown}")
    if "$ref" in rule:
        _obey(value, SCHEMA["$defs"][rule["$ref"].rpartition("/")[2]], place)
    if "anyOf" in rule and not any(_obeys(value, option, place) for option in rule["anyOf"]):
        raise Refused(f"schema: {place} is none of what it may be")
    kind = _TYPES.get(rule.get("type", ""), object)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise Refused(f"schema: {place} is no {rule['type']}")
    if "enum" in rule and value not in rule["enum"]:
        raise Refused(f"schema: {place} is not one of {rule['enum']}")
    # `$` of the schema is the end of the text; of Python it may be before a last line feed.
    if "pattern" in rule and re.search(rule["pattern"].replace("$", r"\Z"), str(value)) is None:
        raise Refused(f"schema: {place} does not match")
    if value is not None and "minimum" in rule and value < rule["minimum"]:
        raise Refused(f"schema: {place} is too small")
    if isinstance(value, dict):
        parts, others = rule.get("properties", {}), rule.get("additionalProperties")
        if missing := [name for name in rule.get("required", ()) if name not in value]:
            raise Refused(f"schema: {place} lacks {missing[0]}")
        for name, item in value.items():
            part = parts.get(name, others)
            if isinstance(part, dict):
                _obey(item, part, f"{place}.{name}")
    if isinstance(value, list) and "items" in rule:
        for number, item in enumerate(value):
            _obey(item, rule["items"], f"{place}[{number}]")


def _obeys(value: Any, rule: dict[str, Any], place: str) -> bool:
    try:
        _obey(value, rule, place)
    except Refused:
        return False
    return True


def main(arguments: list[str]) -> int:
    """The verdict on a folder; 0 or 2."""
    if len(arguments) != 1:
        print("usage: verifier.py FOLDER", file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    files = [folder / name for name in ("record.dsse.json", "samples.parquet", "record.json")]
    try:
        envelope, samples, plain = (path.read_bytes() if path.exists() or path is files[0] else None for path in files)
    except OSError as error:
        print(error, file=sys.stderr)
        return 2
    good, why = verdict(envelope or b"", samples)
    if good and plain is not None and plain != _envelope(envelope or b"")[1]:
        good, why = False, "copy: record.json is not the payload"
    print(why)
    return 0 if good else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
