"""What vectors are built of: the smallest record, its envelope, and changes to both. Nothing of the harness; fixed keys."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FOLDER = Path(__file__).parent / "vectors"
SAMPLES = (FOLDER / "samples.parquet").read_bytes()
TYPE = "application/vnd.repro.record.v1+json"
ZERO = "0" * 64
Json = Any
Change = Callable[[Json], object]


@dataclass(frozen=True, slots=True)
class Case:
    """One vector; `rule` is what it breaks, "" for a valid one."""

    rule: str
    slug: str
    why: str
    envelope: bytes

    @property
    def name(self) -> str:
        """Also that of its file."""
        return f"{self.rule or 'valid'}-{self.slug}"

    def to_bytes(self) -> bytes:
        """The file."""
        fields = {
            "name": self.name,
            "expected": "invalid" if self.rule else "valid",
            "rule": self.rule,
            "why": self.why,
            "envelope": base64.b64encode(self.envelope).decode(),
        }
        return (json.dumps(fields, indent=1, ensure_ascii=False) + "\n").encode()


def key(role: str) -> Ed25519PrivateKey:
    """A key that signs nothing but vectors."""
    return Ed25519PrivateKey.from_private_bytes(sha256(f"conformance vector: {role}".encode()).digest())


OPERATOR, RIG, STRANGER = key("operator"), key("rig"), key("stranger")


def public(private: Ed25519PrivateKey) -> str:
    return private.public_key().public_bytes_raw().hex()


def keyid(private: Ed25519PrivateKey) -> str:
    return sha256(private.public_key().public_bytes_raw()).hexdigest()


def statement(change: Change = lambda s: None) -> Json:
    """A record as small as the schema lets it be, changed."""
    texts = dict.fromkeys(("name", "engine", "version", "package", "commit", "python", "clock"), "")
    parts: Json = {
        name: {} for name in ("build", "settings", "options", "variables", "packages", "environment", "model")
    }
    digest = sha256(SAMPLES).hexdigest()
    run = {
        "started_utc": "",
        "finished_utc": "",
        "stop_rule": "",
        "stop_detail": "",
        "command": "",
        "failed_processes": [],
    }
    flags: Json = {
        "synthetic": False,
        "resumed": False,
        "precise": True,
        "budget_s": None,
        "load_before": {},
        "load_after": {},
    }
    value: Json = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "samples.parquet", "digest": {"sha256": digest}}],
        "predicateType": "urn:repro-harness:record:v1",
        "predicate": {
            "schema_version": "1.2",
            "harness": {"version": "0", "commit": None, "dirty": None, "worker_sha256": ZERO},
            "run": {"seed": 7, **run, **flags},
            "model": {},
            "runtime": {**texts, **parts, "devices": [], "vocab_size": 0, "context_tokens": 0},
            "environment": {},
            "suite": {"name": "", "version": 1, "sha256": ZERO, "headline": "", "warmup_trials": 0, "timed_trials": 0},
            "tokenization": {"bos_id": None, "add_bos": False, "template": "", "tokenizer_sha256": None},
            **{name: [] for name in ("workloads", "processes", "results", "process_results", "checks", "findings")},
            "derived": {},
            "probe": None,
            "samples": {"file": "samples.parquet", "sha256": digest, "rows": 0},
            "operator": {"handle": "lighthouse", "operator_key": public(OPERATOR), "rig_key": public(RIG)},
        },
    }
    change(value)
    return value


def put(path: str, item: Json) -> Change:
    """Set what stands at `a.b.c` of the predicate; a number steps into a list."""

    def change(value: Json) -> None:
        *way, last = path.split(".")
        at = value["predicate"]
        for step in way:
            at = at[int(step)] if isinstance(at, list) else at[step]
        at[last] = copy.deepcopy(item)

    return change


def cut(path: str) -> Change:
    """Take what stands at `a.b.c` of the predicate away."""

    def change(value: Json) -> None:
        *way, last = path.split(".")
        at = value["predicate"]
        for step in way:
            at = at[step]
        del at[last]

    return change


def canonical(value: Json) -> bytes:
    """RFC 8785 for ASCII names and integers."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def pae(payload: bytes, kind: str = TYPE) -> bytes:
    return b"DSSEv1 %d %s %d %s" % (len(kind.encode()), kind.encode(), len(payload), payload)


def sealed(payload: bytes, keys: tuple[Ed25519PrivateKey, ...] = (OPERATOR, RIG), kind: str = TYPE) -> Json:
    """An envelope with true signatures, as a value to change."""
    return {
        "payloadType": kind,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [signature(keyid(one), one.sign(pae(payload, kind))) for one in keys],
    }


def signature(name: str, data: bytes) -> Json:
    return {"keyid": name, "sig": base64.b64encode(data).decode()}


def written(envelope: Json) -> bytes:
    return json.dumps(envelope, separators=(",", ":")).encode()


def of(change: Change = lambda s: None) -> bytes:
    """The envelope of the changed record, truly signed."""
    return written(sealed(canonical(statement(change))))


def changed(change: Change) -> bytes:
    """The base record's envelope, changed after it was signed."""
    value = sealed(BASE)
    change(value)
    return written(value)


def raw(text: bytes, name: bytes = b'"x"') -> bytes:
    """The envelope of a payload that holds `text` as it stands in the free object `environment`, truly signed."""
    return written(sealed(BASE.replace(b'"environment":{},"f', b'"environment":{' + name + b":" + text + b'},"f')))


BASE = canonical(statement())
WHOLE = written(sealed(BASE))
