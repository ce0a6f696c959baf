"""What the site publishes as JSON, version 1: frozen types of its own, with units in their names.

No program of ours keeps its state in them: a build remembers `site/data/values.Summary`. A field may be added to v1; none is
renamed, retyped or taken away (docs/wire.md). What is not there is null, never an empty text.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from harness.measure.comparison import Verdict
from harness.record.outcome import Reason, Stage
from harness.tiers.regressions import Label
from harness.tiers.values import Mark, Ring, Source, State, Tier
from harness.tlog.event_schema import EDITOR_KEY

PREFIX = "urn:repro-harness:api:v1:"

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="sha256, 64 hexadecimal digits")]
Key = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="public key (Ed25519), 64 hexadecimal digits")]
EditorsKey = Annotated[str, Field(pattern=EDITOR_KEY["pattern"], description=EDITOR_KEY["description"])]
Day = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$", description="day, YYYY-MM-DD")]
Time = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", description="UTC, to the second")]
Entry = Annotated[int, Field(ge=0, description="place in the log, from 0")]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Rate = Annotated[float, Field(gt=0, description="tokens/s")]
Ratio = Annotated[float, Field(gt=0, description="this record's decode rate / the hub's")]


class Outcome(StrEnum):
    """What a comparison of two rates says."""

    SAME = Verdict.SAME.value
    FASTER = Verdict.FASTER.value
    SLOWER = Verdict.SLOWER.value
    CANNOT_TELL = Verdict.CANNOT_TELL.value


class RequestStatus(StrEnum):
    """What became of a request; only these four are listed."""

    ACCEPTED = "accepted"
    CLAIMED = "claimed"
    MEASURED = "measured"
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True)
class ListedRow:
    """A row in a list. Rates are of the headline's decode; the intervals are 95 % over processes."""

    row: Annotated[Sha256, Field(description="id of the row: the record id of its hub")]
    model_name: Annotated[str, Field(description="null where the record names none")] | None
    weights_sha256: Annotated[str, Field(description="digest of the weights, as the hub's record names it")]
    quantisation: str
    engine: Annotated[str, Field(description="the program that computes")]
    runtime_series: Annotated[str, Field(description="engine and version series")]
    device: str
    os_family: str
    workload_title: Annotated[str, Field(description="suite, headline and settings that change the computation")]
    workload_key: Annotated[
        str, Field(description="sha256 of the suite / headline: rows compare only where it is equal")
    ]
    state: State
    tier: Tier | None
    contested: bool
    operator: Annotated[str, Field(description="handle of the hub's operator")]
    source: Source
    measured_on: Day
    entry: Annotated[Entry, Field(description="place in the log of the event that submitted the hub")]
    decode_tokens_per_s: Rate
    decode_ci95_low_tokens_per_s: Rate | None
    decode_ci95_high_tokens_per_s: Rate | None
    ttft_ns: Annotated[int, Field(ge=0, description="time to first token, nanoseconds")] | None
    prefill_tokens_per_s: Rate | None
    processes: Annotated[int, Field(ge=1)]
    decode_log_mean: Annotated[float, Field(description="mean of ln(tokens/s) of the processes' medians")]
    decode_log_variance: Annotated[float, Field(ge=0, description="their sample variance")]
    fixed_number: Annotated[bool, Field(description="whether the number of processes was chosen beforehand")]
    persons_inside: Annotated[Count, Field(description="who reproduced it inside the band")]
    persons_outside: Count
    persons_independent: Annotated[Count, Field(description="of those inside, on a distinct hardware class")]
    records_pending: Annotated[Count, Field(description="that no editor has decided on")]
    operators: Annotated[tuple[str, ...], Field(description="handles of all its public records, the hub's first")]
    status_changes_on: Annotated[Day, Field(description="the first day on which its age reads otherwise")]
    under_review: Annotated[bool, Field(description="operators asked editors to look at it: its tier is held")]


@dataclass(frozen=True, slots=True)
class Rows:
    """`api/v1/rows.json`: every row, by id."""

    schema: Literal["urn:repro-harness:api:v1:rows"]
    registry: Annotated[str, Field(description="origin of the registry")]
    policy: str
    policy_sha256: Sha256
    rows: tuple[ListedRow, ...]


@dataclass(frozen=True, slots=True)
class Hardware:
    """A hardware class."""

    device: str
    generation: str
    os_family: str
    runtime_series: str


@dataclass(frozen=True, slots=True)
class Reproduction:
    """One record against the hub; before an editor decides, `record`, `operator` and `hardware` are null."""

    record: Sha256 | None
    operator: str | None
    ring: Ring
    hardware: Hardware | None
    verdict: Mark
    ratio: Ratio | None
    ratio_low: Annotated[Ratio, Field(description="of its interval, at the policy's level")] | None
    ratio_high: Annotated[Ratio, Field(description="of its interval, at the policy's level")] | None
    not_counted_because: Annotated[str, Field(description="why it counts for no tier; null where it does")] | None


@dataclass(frozen=True, slots=True)
class Factor:
    """One of the six factors, in words, with the records behind it."""

    factor: str
    text: str
    records: tuple[Sha256, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One rule of the derivation, in order: what it made of the tier."""

    rule: str
    tier: Tier
    text: str
    records: tuple[Sha256, ...]


@dataclass(frozen=True, slots=True)
class FailedRun:
    """One operator's word that a model does not run on a device. It counts for no tier."""

    record: Sha256
    operator: str
    model_name: str | None
    weights_sha256: str
    quantisation: str
    engine: str
    engine_version: Annotated[str, Field(description="package and version, as far as they were told")]
    device: Annotated[str, Field(description="what was to compute; unknown where the engine did not tell")]
    memory: Annotated[str, Field(description="of the machine, and the limit on it")]
    settings: Annotated[str, Field(description="that the operator asked for; empty: the usual ones")]
    reason: Reason
    stage: Stage
    error: Annotated[str, Field(description="the engine's own words")]
    measured_on: Day
    rows: Annotated[
        tuple[Sha256, ...], Field(description="of the same model, quantisation and engine, whatever their device")
    ]
    record_path: Annotated[str, Field(description="from the site's root")]


@dataclass(frozen=True, slots=True)
class Row:
    """`api/v1/rows/ID.json`: what the list says of a row, its derivation and its reproductions."""

    schema: Literal["urn:repro-harness:api:v1:row"]
    registry: Annotated[str, Field(description="origin of the registry")]
    policy: str
    policy_sha256: Sha256
    summary: ListedRow
    factors: tuple[Factor, ...]
    derived_from: tuple[Step, ...]
    reproductions: tuple[Reproduction, ...]
    command: Annotated[str, Field(description="to measure the same; null where none is offered")] | None
    record_path: Annotated[str, Field(description="from the site's root")]
    samples_path: str
    page_path: str
    does_not_run: Annotated[
        tuple[FailedRun, ...],
        Field(description="runs of this model, quantisation and engine in which the engine failed"),
    ]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is equal in both records of a pair."""

    model_name: str | None
    weights_sha256: str
    quantisation: str
    engine: str
    workload_key: str


@dataclass(frozen=True, slots=True)
class Pair:
    """One operator's two records on one machine; ratio = newer / older decode rate."""

    record_before: Sha256
    record_after: Sha256
    row_before: Sha256
    row_after: Sha256
    operator: str
    device: str
    ratio: Positive | None
    ratio_low: Positive | None
    ratio_high: Positive | None
    confidence_level: Annotated[float, Field(gt=0, lt=1, description="of the ratio's interval, 0 to 1")]
    verdict: Outcome


@dataclass(frozen=True, slots=True)
class Candidate:
    """A possible or confirmed change of speed with one version or tuning setting: never a fact about a version."""

    label: Label
    verdict: Outcome
    axis: Annotated[str, Field(description="the version or setting that differs")]
    value_before: Annotated[str, Field(description="of the axis; null where that side has none")] | None
    value_after: str | None
    subject: Subject
    devices: tuple[str, ...]
    operators_faster: tuple[str, ...]
    operators_slower: tuple[str, ...]
    persons_faster: Count
    persons_slower: Count
    pairs: Annotated[tuple[Pair, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Regressions:
    """`api/v1/regressions.json`: the candidates of public records."""

    schema: Literal["urn:repro-harness:api:v1:regressions"]
    registry: str
    log_entries: Count
    policy: str
    policy_sha256: Sha256
    ratio_band: Annotated[tuple[Positive, Positive], Field(description="inside it two rates are the same")]
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """A measurement that somebody wishes for. Model, hardware and runtime are the asker's own words."""

    request: Sha256
    status: RequestStatus
    status_since: Time
    model_name: str
    hardware: str
    runtime: str
    reason: Annotated[str, Field(description="the editor's")]
    claimed_by: str | None
    record: Annotated[Sha256, Field(description="that answered it, where it is public")] | None
    row: Sha256 | None


@dataclass(frozen=True, slots=True)
class NotListed:
    """How many requests are not listed, by status."""

    pending: Count
    rejected: Count
    duplicate: Count
    archived: Count


@dataclass(frozen=True, slots=True)
class Requests:
    """`api/v1/requests.json`."""

    schema: Literal["urn:repro-harness:api:v1:requests"]
    registry: str
    log_entries: Count
    requests: tuple[Request, ...]
    not_listed: NotListed


@dataclass(frozen=True, slots=True)
class Failures:
    """`api/v1/failures.json`: runs in which an engine failed, of each operator, model, engine and device the newest."""

    schema: Literal["urn:repro-harness:api:v1:failures"]
    registry: str
    log_entries: Count
    failures: tuple[FailedRun, ...]


@dataclass(frozen=True, slots=True)
class FormerRegistryKey:
    """One that signed the log's checkpoints until another took over."""

    public_key: Key
    vkey: Annotated[str, Field(description="the same as a C2SP verifier key")]
    until_size: Annotated[int, Field(ge=0, description="largest log whose checkpoint is its own")]


@dataclass(frozen=True, slots=True)
class RegistryKey:
    """Of the registry itself."""

    public_key: Key
    vkey: Annotated[str, Field(description="the same as a C2SP verifier key")]
    earlier: Annotated[tuple[FormerRegistryKey, ...], Field(description="the oldest first")] = ()


@dataclass(frozen=True, slots=True)
class EditorKey:
    """Of an editor."""

    handle: str
    public_key: EditorsKey
    key_id: Sha256


@dataclass(frozen=True, slots=True)
class Editors:
    """The list of editors in force."""

    version: Annotated[int, Field(ge=1)]
    threshold: Annotated[int, Field(ge=1, description="how many must sign a change of the list")]
    expires_on: Day
    keys: tuple[EditorKey, ...]


@dataclass(frozen=True, slots=True)
class KeyPeriod:
    """A key that an operator has or had."""

    key_id: Sha256
    since_entry: Entry
    revoked: bool
    revoked_from_entry: Annotated[Entry, Field(description="from which what it signed counts no more")] | None


@dataclass(frozen=True, slots=True)
class OperatorKeys:
    """Of an operator who has a page: the present key, and all of them."""

    handle: str
    public_key: Key
    key_id: Sha256
    keys: tuple[KeyPeriod, ...]


@dataclass(frozen=True, slots=True)
class Keys:
    """`api/v1/keys.json`: whose signatures the public records and events bear."""

    schema: Literal["urn:repro-harness:api:v1:keys"]
    registry: str
    registry_key: RegistryKey
    editors: Editors
    operators: tuple[OperatorKeys, ...]


DOCUMENTS: dict[str, type] = {
    "rows": Rows, "row": Row, "regressions": Regressions, "requests": Requests, "keys": Keys,
    "failures": Failures,
}  # fmt: skip
