"""What commands ask of a registry before they act, asked of its service. What it can't answer is refused in one line."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields
from hashlib import sha256
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.errors import BadInput, NotAllowed, NotFound, RecordInvalid, Unsigned
from harness.record.canonical import canonical
from harness.registry.db import prefixes
from harness.registry.db.elsewhere import Elsewhere
from harness.registry.facts import (
    ChallengeFact,
    EditorsFact,
    F,
    FailureFact,
    OperatorFact,
    PasskeysFact,
    PolicyFact,
    RecordFact,
    RegistryFact,
    RequestFact,
)
from harness.registry.facts.stored import made_of, read_as
from harness.registry.intake.projection import device_digest
from harness.registry.queries.desk import Brief, Examined, Subject
from harness.registry.queries.evidence import Beside
from harness.registry.queries.limits import InForce
from harness.registry.queries.reports import Told as Reported
from harness.registry.queries.submissions import Submitted
from harness.registry.remote.client import Client
from harness.tlog.event import HEX


@dataclass(frozen=True, slots=True)
class _Reports:
    reports: tuple[Reported, ...]


@dataclass(frozen=True, slots=True)
class _Evidence:
    evidence: tuple[Beside, ...]


@dataclass(frozen=True, slots=True)
class _Submissions:
    records: tuple[Submitted, ...]


Signer = Callable[[bool], Ed25519PrivateKey | None]
"""The key that signs a request: the operator's, or (False) the editor's; None where there is none."""


class RemoteReader(Elsewhere):
    """One state of it, as far as the service tells."""

    def __init__(self, client: Client, about: dict[str, Any], signer: Signer) -> None:
        super().__init__(client.base)
        self._client, self._about, self._signer = client, about, signer
        self._own: dict[str, dict[str, Any]] = {}  # handle → what `/v1/submissions` says
        self._bodies: dict[str, str] = {}  # digest of an envelope or of samples → the record whose they are
        self._subjects: dict[str, str] = {}  # row → the digest by which it names its subject

    def get(self, kind: type[F], name: str) -> F | None:
        """The fact, or None where there is none, or it is not the asker's to see."""
        found: Any = None
        if kind is RegistryFact:
            own = {one.name: self._about[one.name] for one in fields(kind) if one.name in self._about}
            found = made_of(kind, own, name)
        elif kind is EditorsFact or (kind is PolicyFact and name == ""):
            found = made_of(kind, self._about.get(kind.KIND), name)
        elif kind is PasskeysFact:
            told = self._about.get(kind.KIND)
            found = None if told is None else made_of(kind, told, name)
        elif kind is OperatorFact:
            found = self._maybe(kind, f"/v1/operators/{name}", name)
        elif kind is ChallengeFact:
            found = self._maybe(kind, f"/v1/challenges/{name}", name, self._signer(True))
        elif kind is RecordFact:
            found = self._decided(kind, name)
        elif kind is FailureFact:
            with suppress(NotAllowed):
                found = self._decided(kind, name)
            found = found or self.all(kind).get(name)
        elif kind is RequestFact:
            found = self.all(kind).get(name)
        else:
            self.refuse()
        return cast("F | None", found)

    def all(self, kind: type[F]) -> dict[str, F]:
        """Those that the asker may see."""
        if kind is RequestFact:
            found = self._client.get("/v1/requests")
            for key in self._keys():
                with suppress(Unsigned):
                    found |= self._client.get("/v1/requests", key=key)
            return {name: made_of(kind, value, name) for name, value in found.items()}
        if kind is FailureFact:
            return cast("dict[str, F]", dict(self.failed("")))
        self.refuse()
        return {}

    def size(self) -> int:
        """Entries in the log."""
        return self._number("size")

    def head(self, size: int) -> str | None:
        """Of the whole log, or of none of it."""
        if size not in (0, self.size()):
            self.refuse()
        return str(self._about.get("head")) if size else ""

    def root(self) -> bytes:
        """Of the whole log."""
        return bytes.fromhex(str(self._about.get("root")))

    def checkpoint(self) -> bytes | None:
        """The newest one that was signed."""
        return str(self._about.get("checkpoint")).encode() or None

    def row_for(self, subject: tuple[str, str, str, str], sku: str) -> str | None:
        """The row where the next record of both belongs, as the registry names it now or named it earlier."""
        earlier = (*subject[:3], subject[3].partition(" ")[0])
        for one in dict.fromkeys((subject, earlier)):
            digest = sha256(canonical(list(one))).hexdigest()
            found = self._client.get("/v1/home", subject_sha256=digest, device_sha256=device_digest(sku))
            if found.get("row"):
                return self._row(found)
        return None

    def subject_of(self, identity: str) -> tuple[str, str, str, str] | None:
        """Not told: the registry itself refuses a record of another subject."""
        return None

    def submitter(self, record: str) -> str | None:
        """Not asked: the service answers with the receipt of what is there."""
        return None

    def names_subject(self, row: str) -> str | None:
        """The digest by which the row names its subject; None where it was not asked for."""
        return self._subjects.get(row)

    def id_of(self, prefix: str) -> str:
        """Of the asker's own records, and of public rows."""
        own = [one.id for one in self.submitted("") if one.id.startswith(prefix.lower())] if self._keys() else []
        if own:
            return prefixes.only(own, prefix, "record", "see: repro submissions")
        return self._row(self._client.get(f"/v1/rows/{_word(prefix)}"))

    def key_of(self, prefix: str) -> str:
        """As the registry finds it."""
        found = str(self._client.get(f"/v1/keys/{_word(prefix)}").get("key"))
        if HEX.fullmatch(found) is None:
            raise self._garbled(ValueError("key"))
        return found

    def submitted(self, handle: str) -> list[Submitted]:
        """See `Elsewhere`; "": the asker's."""
        told = {"records": self._listed(handle).get("records")}
        return list(read_as(_Submissions, told, self._client.base).records)

    def submitted_record(self, record: str) -> Submitted | None:
        """See `Elsewhere`."""
        return next((one for one in self.submitted("") if one.id == record), None)

    def failed(self, handle: str) -> list[tuple[str, FailureFact]]:
        """See `Elsewhere`; "": the asker's."""
        try:
            told = [(str(one["id"]), dict(one)) for one in self._listed(handle)["failures"]]
        except (KeyError, TypeError, ValueError) as error:
            raise self._garbled(error) from None
        for _, value in told:
            del value["id"]
        return [(name, made_of(FailureFact, value, name)) for name, value in told]

    def brief(self, *, examine_all: bool) -> Brief:
        """See `Elsewhere`."""
        found = self._client.get("/v1/queue", key=self._editor(), examine_all=int(examine_all))
        return read_as(Brief, found, self._client.base)

    def subject(self, prefix: str) -> Subject:
        """See `Elsewhere`."""
        return read_as(Subject, self._of_queue(prefix, 0).get("subject"), self._client.base)

    def examined(self, prefix: str) -> Examined:
        """See `Elsewhere`."""
        return read_as(Examined, self._of_queue(prefix, 1).get("examined"), self._client.base)

    def evidence(self, row: str) -> list[Beside]:
        """See `Elsewhere`."""
        found = self._client.get("/v1/evidence", key=self._editor(), row=row)
        return list(read_as(_Evidence, found, self._client.base).evidence)

    def limits(self, handle: str) -> InForce:
        """See `Elsewhere`."""
        found = self._client.get(f"/v1/operators/{_word(handle)}/limits")
        return read_as(InForce, found, self._client.base)

    def reports(self) -> list[Reported]:
        """See `Elsewhere`."""
        found: dict[int, Reported] = {}
        for key in self._keys():
            with suppress(NotAllowed):
                told = self._client.get("/v1/reports", key=key).get("reports")
                listed = read_as(_Reports, {"reports": told}, self._client.base).reports
                found |= {one.entry: one for one in listed}
        return [found[entry] for entry in sorted(found, reverse=True)]

    def body(self, digest: str) -> bytes | None:
        """Of a record that an editor has asked for; None where it is not told."""
        if digest not in self._bodies:
            return None
        path = f"/v1/queue/{self._bodies[digest]}/bodies"
        found = self._client.get(path, key=self._editor())
        try:
            data = [b64decode(str(found[name]), validate=True) for name in ("record", "samples")]
        except (KeyError, ValueError) as error:
            raise self._garbled(error) from None
        return next((one for one in data if sha256(one).hexdigest() == digest), None)

    def _of_queue(self, prefix: str, examine: int) -> dict[str, Any]:
        return self._client.get(f"/v1/queue/{_word(prefix)}", key=self._editor(), examine=examine)

    def _decided(self, kind: type[F], name: str) -> F | None:
        """What an editor decides on."""
        try:
            found = self._of_queue(name, 0)
        except NotFound:
            return None
        if (kind is FailureFact) != read_as(Subject, found.get("subject"), self._client.base).failed:
            return None
        fact = made_of(kind, found.get("fact"), name)
        if isinstance(fact, RecordFact | FailureFact):
            self._bodies |= dict.fromkeys((fact.envelope_sha256, fact.samples_sha256), name)
        return fact

    def _editor(self) -> Ed25519PrivateKey:
        key = self._signer(False)
        if key is None:
            raise Unsigned(
                "needs an editor's keys", where="keys", fix="run: repro keys new --role editor --handle NAME"
            )
        return key

    def _listed(self, handle: str) -> dict[str, Any]:
        if handle not in self._own:
            self._own[handle] = self._ask_for(handle)
        return self._own[handle]

    def _ask_for(self, handle: str) -> dict[str, Any]:
        refused: NotAllowed = Unsigned(
            "there are no keys to sign with", where="keys", fix="run: repro keys new --handle NAME"
        )
        for key in self._keys():
            try:
                return self._client.get("/v1/submissions", key=key, **({"handle": handle} if handle else {}))
            except NotAllowed as error:
                refused = error
        if isinstance(refused, Unsigned) and (not handle or self.get(OperatorFact, handle) is None):
            return {"records": [], "failures": []}  # whom the registry does not know has no records
        raise refused

    def _maybe(self, kind: type[F], path: str, name: str, key: Ed25519PrivateKey | None = None) -> F | None:
        _word(name)
        try:
            found = self._client.get(path, key=key)
        except NotFound:
            return None
        return made_of(kind, {one.name: found[one.name] for one in fields(kind) if one.name in found}, name)

    def _row(self, found: dict[str, Any]) -> str:
        row, subject = str(found.get("row")), str(found.get("subject_sha256"))
        if HEX.fullmatch(row) is None or HEX.fullmatch(subject) is None:
            raise self._garbled(ValueError("row"))
        self._subjects[row] = subject
        return row

    def _keys(self) -> list[Ed25519PrivateKey]:
        """The operator's key, then the editor's."""
        found = [self._signer(True), self._signer(False)]
        return [key for key in found if key is not None]

    def _number(self, name: str) -> int:
        found = self._about.get(name)
        if type(found) is not int or found < 0:
            raise self._garbled(ValueError(name))
        return found

    def _garbled(self, error: Exception) -> RecordInvalid:
        return RecordInvalid(
            f"answers what no registry answers ({type(error).__name__}: {error})",
            where=self._client.base,
            fix="update repro-harness, or check the address",
        )


def _word(text: str) -> str:
    """A part of a path. Raises `BadInput` for what would be another path."""
    if not text or not all(c.isascii() and (c.isalnum() or c in "-_") for c in text):
        raise BadInput(f"{text[:40]!r} must be a handle or the beginning of an id", where="--registry", fix="check it")
    return text
