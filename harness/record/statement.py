"""A record as the predicate of an in-toto Statement v1, and back. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from harness.errors import RecordInvalid
from harness.record.canonical import canonical, digest, parse
from harness.record.outcome import fault
from harness.record.schema import PREDICATE_TYPE, SCHEMA_VERSION, STATEMENT_TYPE, Record


def payload_of(record: Record, subjects: Sequence[tuple[str, str]]) -> bytes:
    """The statement's canonical bytes; `subjects` are (name, sha256) of samples, model files and suite."""
    statement: Mapping[str, Any] = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": value}} for name, value in subjects],
        "predicateType": PREDICATE_TYPE,
        "predicate": record.model_dump(mode="json"),
    }
    return canonical(statement)


class _Taken(BaseModel):
    predicate: Record


class Read(NamedTuple):
    """What a statement holds: the record, its id, and by name the sha256 of what it binds beside it."""

    record: Record
    id: str
    bound: Mapping[str, str]


def record_of(payload: bytes, where: str) -> tuple[Record, str]:
    """The record in the bytes, and its id. Raises `RecordInvalid`: damaged, foreign, or from a newer schema."""
    found = read(payload, where)
    return found.record, found.id


def read(payload: bytes, where: str) -> Read:
    """As `record_of`, with what the statement binds."""
    value = parse(payload, where)
    if not isinstance(value, dict) or value.get("_type") != STATEMENT_TYPE:
        raise RecordInvalid("is not an in-toto statement", where=where, fix="name a record.json of this harness")
    predicate = value.get("predicate")
    version = predicate.get("schema_version") if isinstance(predicate, dict) else None
    ours = SCHEMA_VERSION.partition(".")[0]
    if (
        not isinstance(version, str)
        or value.get("predicateType") != PREDICATE_TYPE
        or version.partition(".")[0] != ours
    ):
        kind = f"record schema {version}" if isinstance(version, str) else str(value.get("predicateType"))
        raise RecordInvalid(f"holds {kind}, this harness reads {ours}.x", where=where, fix="update repro-harness")
    try:
        # JSON has no tuples: strictness holds for numbers and texts, lists are taken as the sequences that they are.
        # `parse` has held the bytes to one meaning: no key twice, integers only.
        record = _Taken.model_validate_json(payload).predicate
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:])
        raise RecordInvalid(
            f"{place}: {first['msg']}", where=where, fix="it was not written by this harness"
        ) from error
    bound = {item["name"]: item["digest"]["sha256"] for item in _subjects(value, where)}
    if bound.get(record.samples.file) != record.samples.sha256:
        raise RecordInvalid("its statement does not bind the samples that it names", where=where)
    contradiction = fault(record)
    if contradiction:
        raise RecordInvalid(contradiction, where=where, fix="do not trust this record")
    return Read(record, digest(payload), bound)


def subject_sha256(payload: bytes, name: str, where: str) -> str:
    """The digest that the statement binds under a name; "" where it binds none such. Raises `RecordInvalid`."""
    value = parse(payload, where)
    if not isinstance(value, dict):
        raise RecordInvalid("is not an in-toto statement", where=where, fix="name a record.json of this harness")
    return next((str(one["digest"]["sha256"]) for one in _subjects(value, where) if one["name"] == name), "")


def taken(payload: bytes, identity: str, where: str) -> Record:
    """The record with that id, in bytes that `record_of` has read once: their digest says that they are the same.

    Raises `RecordInvalid` for other bytes.
    """
    try:
        if digest(payload) != identity:
            raise ValueError("its digest is not its id")
        return _Taken.model_validate_json(payload).predicate
    except ValueError as error:
        raise RecordInvalid(
            f"is not the record that was taken ({error})", where=where, fix="run: repro audit"
        ) from error


def _subjects(statement: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    subjects = statement.get("subject")
    if (
        not isinstance(subjects, list)
        or not all(
            isinstance(item, dict)
            and isinstance(item.get("name"), str)
            and isinstance(item.get("digest"), dict)
            and isinstance(item["digest"].get("sha256"), str)
            for item in subjects
        )
        or len({item["name"] for item in subjects}) != len(subjects)
    ):
        raise RecordInvalid("its statement has no proper subjects", where=where)
    return subjects
