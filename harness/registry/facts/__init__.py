"""What follows from a registry's log: one frozen type for each kind of fact. `stored` has the JSON that a database keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar, TypeVar, get_args

from harness.record.passkey import is_passkey, parse_key
from harness.tiers.values import Status
from harness.tlog.event import HEX, is_time


def is_day(text: str) -> bool:
    """Whether it is a day, YYYY-MM-DD."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _is_key(text: str) -> bool:
    try:
        return len(bytes.fromhex(text)) == 32
    except ValueError:
        return False


def _is_editor_key(text: str) -> bool:
    if not is_passkey(text):
        return _is_key(text)
    try:
        return bool(parse_key(text))
    except ValueError:
        return False


# What a text must be. A number is a count or an entry of the log, from 0 on.
Utc = Annotated[str, is_time, "a time, YYYY-MM-DDThh:mm:ssZ"]
Day = Annotated[str, is_day, "a day, YYYY-MM-DD"]
Digest = Annotated[str, HEX.fullmatch, "64 hexadecimal digits"]
PublicKey = Annotated[str, _is_key, "32 bytes in hexadecimal"]
EditorKey = Annotated[str, _is_editor_key, "32 bytes in hexadecimal, or a passkey"]


# The fields stand in the order in which they are stored; one with a default is stored only when it differs from it.
@dataclass(frozen=True, slots=True)
class FormerKey:
    """A key that signed the log's checkpoints until another took over."""

    key: PublicKey
    until: int  # entry of the rotation: trees of that size and smaller ones are its own
    announced: int  # entry that announced the next one


@dataclass(frozen=True, slots=True)
class RegistryFact:
    """The registry itself. Its name is ""."""

    KIND: ClassVar = "registry"
    origin: str
    key: PublicKey
    created: Utc
    demonstration: bool
    next_key_sha256: Digest | None = None  # of the key that may take over
    announced: int | None = None  # entry that says so
    earlier: tuple[FormerKey, ...] = ()  # the oldest first

    def key_of(self, size: int) -> PublicKey:
        """The key that signs a tree of so many entries."""
        return next((one.key for one in self.earlier if size <= one.until), self.key)


@dataclass(frozen=True, slots=True)
class EditorKeys:
    """An editor's key, and the digest of the next."""

    key: EditorKey
    next_key_sha256: Digest


@dataclass(frozen=True, slots=True)
class EditorsFact:
    """The list of editors, by handle. Its name is ""."""

    KIND: ClassVar = "editors"
    editors: Mapping[str, EditorKeys]
    expires: Day
    threshold: int
    version: int


@dataclass(frozen=True, slots=True)
class PasskeysFact:
    """Where editors' passkeys count. Its name is ""."""

    KIND: ClassVar = "passkeys"
    web_origin: str
    rp_id: str  # the domain that they are bound to
    since: int  # entry


@dataclass(frozen=True, slots=True)
class PolicyFact:
    """A policy that was adopted, by its name; the one in force by "" too."""

    KIND: ClassVar = "policy"
    name: str
    sha256: Digest
    approvals: int  # editors who must approve a record
    since: int  # entry


@dataclass(frozen=True, slots=True)
class OperatorFact:
    """An operator, by handle."""

    KIND: ClassVar = "operator"
    joined: int  # entry
    verified: bool
    why: str  # an editor's reason
    key: PublicKey
    next_key_sha256: Digest


@dataclass(frozen=True, slots=True)
class KeyFact:
    """An operator's key, by its id."""

    KIND: ClassVar = "key"
    owner: str
    since: int  # entry
    revoked_from: int | None  # what it signed at this entry or later counts no more
    until: Utc | None = None  # when the next one took over
    revoked_at: int | None = None  # entry of the newest revocation


@dataclass(frozen=True, slots=True)
class SkeletonFact:
    """The handle that is taken, by what other handles would look like it."""

    KIND: ClassVar = "skeleton"
    handle: str


@dataclass(frozen=True, slots=True)
class TieFact:
    """Two operators of whom an editor says that they are one person, by both handles."""

    KIND: ClassVar = "tie"
    operators: tuple[str, ...]
    why: str
    untied: bool = False


@dataclass(frozen=True, slots=True)
class LimitsFact:
    """Limits of an operator that an editor raised, by handle."""

    KIND: ClassVar = "limits"
    events_per_hour: int
    events_per_day: int
    pending_records: int
    until: Day  # the last one
    by: str
    why: str


@dataclass(frozen=True, slots=True)
class RecordFact:
    """A record that was submitted, by its id."""

    KIND: ClassVar = "record"
    status: Status
    row: Digest
    operator: str
    rig_key: str
    key: Digest  # id of the operator's key that signed it
    index: int  # entry of its submission
    submitted: Utc
    subject_sha256: Digest
    envelope_sha256: Digest
    samples_sha256: Digest
    challenged: bool
    request: str  # id; "" where it answers none
    approvals: tuple[str, ...]  # editors
    public_from: int | None  # the entry that first accepted it, and the editors who had approved it then
    public_by: tuple[str, ...]
    why: str  # reason of the newest decision
    revoked: bool
    dropped: bool  # its bytes were taken down
    editorial: bool  # its operator was an editor then
    changed: int | None = None  # entry of the newest decision
    device_sha256: Digest | None = None  # None in a log from before submissions named their device
    came_from: tuple[Digest, ...] = ()  # rows that closed, from which it was taken along, the newest last
    took: int = 0  # records of closed rows that came along when it was approved
    status_before: Status | None = None  # the revocation of its key


@dataclass(frozen=True, slots=True)
class FailureFact:
    """The record of a run that failed, by its id. It is in no row, and nothing is counted of it."""

    KIND: ClassVar = "failure"
    status: Status
    operator: str
    rig_key: str
    key: Digest  # id of the operator's key that signed it
    index: int  # entry of its submission
    submitted: Utc
    subject_sha256: Digest  # of model, quantisation and engine
    device_sha256: Digest
    envelope_sha256: Digest
    samples_sha256: Digest
    reason: str  # of its outcome
    challenged: bool
    approvals: tuple[str, ...]  # editors
    public_from: int | None  # the entry that first accepted it
    why: str  # reason of the newest decision
    changed: int | None = None  # entry of the newest decision
    dropped: bool = False  # its bytes were taken down


@dataclass(frozen=True, slots=True)
class TripleFact:
    """That a record is of a subject and device, by the digests of both and its id, one after the other. Under the name "": since
    when the log names devices.
    """

    KIND: ClassVar = "triple"
    since: int | None = None  # entry; under "" alone


@dataclass(frozen=True, slots=True)
class IdempotencyFact:
    """The record that came with an operator's idempotency key, by handle/key."""

    KIND: ClassVar = "idempotency"
    record: Digest


@dataclass(frozen=True, slots=True)
class ChallengeFact:
    """A single-use number that the registry issued, by itself."""

    KIND: ClassVar = "challenge"
    handle: str
    issued: Utc
    expires: Utc
    used: str  # id of the record that began with it; "" as long as none did


@dataclass(frozen=True, slots=True)
class Evidence:
    """One measurement from another tool's log: never signed by us, never a hub, low at most."""

    depth: int  # tokens in the cache before the test began
    device: str
    engine: str  # "llama.cpp", "vllm"; "" where the log does not say
    measured: str  # UTC, YYYY-MM-DD; "" where the log does not say
    metric: str  # "decode_rate", "prefill_rate"
    model: str  # as the log names it, a path cut down to its last part
    output_tokens: int
    prompt_tokens: int
    quantisation: str
    samples_micro: tuple[int, ...]  # repetitions in micro tokens/s where the log has them, else the one mean
    tool: str
    tool_version: str


@dataclass(frozen=True, slots=True)
class EvidenceFact:
    """What an editor imported beside a row, by its digest."""

    KIND: ClassVar = "evidence"
    row: Digest
    by: str
    evidence: Evidence
    why: str
    removed: bool


class RequestStatus(StrEnum):
    """How far a request is."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    ARCHIVED = "archived"
    CLAIMED = "claimed"
    MEASURED = "measured"


@dataclass(frozen=True, slots=True)
class RequestFact:
    """A request for a measurement, by its id."""

    KIND: ClassVar = "request"
    hardware: str
    model: str
    runtime: str
    status: RequestStatus
    by: str
    why: str
    claimed_by: str  # "" where nobody has
    of: str  # the request that it duplicates, or ""
    record: str  # that answered it, or ""
    public_from: int | None  # the entry that first accepted it
    since: Utc  # of its status


@dataclass(frozen=True, slots=True)
class ClaimsFact:
    """The requests that an operator has claimed and neither answered nor let go, by handle."""

    KIND: ClassVar = "claims"
    open: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RowReport:
    """One operator's word that editors should look at a row."""

    by: str
    why: str
    entry: int
    at: Utc
    members: tuple[Digest, ...]  # records that were accepted in the row then
    withdrawn: bool = False
    closed: int | None = None  # the entry by which an editor closed it


@dataclass(frozen=True, slots=True)
class RowReportsFact:
    """All reports of a row, the newest last, and why an editor closed the last ones; by the row's id."""

    KIND: ClassVar = "row-reports"
    reports: tuple[RowReport, ...]
    answer: str = ""


@dataclass(frozen=True, slots=True)
class OpenReportsFact:
    """The rows that an operator has reported and that nobody has closed, by handle."""

    KIND: ClassVar = "open-reports"
    rows: tuple[Digest, ...]


@dataclass(frozen=True, slots=True)
class WitnessFact:
    """A witness that the registry asks for cosignatures, by its name."""

    KIND: ClassVar = "witness"
    url: str
    key: str  # its verifier key: name+hash+key
    since: int  # entry of the newest event about it
    why: str
    removed: bool = False


@dataclass(frozen=True, slots=True)
class LastActFact:
    """The newest act about what acts turn to and fro (verification, tie, limits, revocation, request, report), by kind and name
    of the thing, one space between.
    """

    KIND: ClassVar = "last-act"
    entry: int


@dataclass(frozen=True, slots=True)
class ClockFact:
    """The last act of an editor or the registry. Its name is ""."""

    KIND: ClassVar = "clock"
    at: Utc
    index: int  # entry


Fact = (
    RegistryFact | EditorsFact | PolicyFact | OperatorFact | KeyFact | SkeletonFact | TieFact | RecordFact
    | IdempotencyFact | ChallengeFact | EvidenceFact | RequestFact | ClaimsFact | ClockFact | TripleFact | FailureFact
    | WitnessFact | PasskeysFact | LimitsFact | RowReportsFact | OpenReportsFact | LastActFact
)  # fmt: skip
F = TypeVar("F", bound=Fact)
Named = tuple[str, Fact]  # a fact with its name
KINDS: tuple[type[Fact], ...] = get_args(Fact)
