"""A job as a registry tells it: read strictly, then held against the owner's policy and this machine. Pure.

Nothing of its text goes any further: model, runtime and suite that are measured are the words of the policy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, ValidationError

from harness.agent.policy import Policy
from harness.catalog import devices, models
from harness.catalog.device_names import read_name
from harness.catalog.toml_file import Part
from harness.catalog.triples import Triple
from harness.errors import RecordInvalid, ReproError, one_line
from harness.fleet.answering import is_of
from harness.record.schema import Record
from harness.registry.intake.asked import answers, counted
from harness.registry.intake.facts_told import part_of, value_of
from harness.registry.intake.hardware import computing, hardware_of, has_gpu
from runtimes.releases import split

Word = Annotated[str, Field(min_length=1, max_length=200)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
MOST = 1000  # jobs of one answer


class Row(Part):
    """What is to be measured. A row with anything else, options included, is refused."""

    model: Word
    runtime: Word
    suite: Word


class Job(Part):
    """One request."""

    request: Digest
    row: Row
    hardware: Word
    policy_sha256: Digest


@dataclass(frozen=True, slots=True)
class Device:
    """A name by which this machine's computing device is known, with its memory where that is told."""

    name: str
    memory_bytes: int | None = None


def read(value: object) -> Job:
    """One job. Raises `RecordInvalid` for a part that is missing, unknown or of another kind."""
    try:
        job = Job.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        what = f"is refused ({'.'.join(map(str, first['loc']))}: {first['msg']})"
        raise RecordInvalid(one_line(what, 200), where=_named(value), fix="update repro-harness") from None
    for text in (job.row.model, job.row.runtime, job.row.suite, job.hardware):
        if not text.isprintable():
            raise RecordInvalid("is refused (its text can't be printed)", where=_named(value))
    return job


def is_same(value: object, job: Job) -> bool:
    """Whether it is that job, and nothing else."""
    try:
        return read(value) == job
    except RecordInvalid:
        return False


def listed(answer: Mapping[str, Any]) -> list[object]:
    """The jobs in an answer, unread. Raises `RecordInvalid`."""
    found = answer.get("jobs")
    if not isinstance(found, list) or len(found) > MOST:
        raise RecordInvalid(f"must be a list of at most {MOST} jobs", where="jobs", fix="check the address")
    return found


def named(jobs: Sequence[object]) -> frozenset[str]:
    """Ids of the requests in it, whatever else is wrong with one."""
    found = (one.get("request") for one in jobs if isinstance(one, dict))
    return frozenset(one for one in found if isinstance(one, str))


def unfit(job: Job, policy: Policy, here: Sequence[Device], policies: frozenset[str]) -> str:
    """Why the machine does not take it, in one line; "" where it does. `policies`: digests of those that we know."""
    row = job.row
    if policy.model(row.model) is None:
        return one_line(f"the model {row.model!r} is not on your list", 200)
    try:
        allowed = policy.allows_runtime(row.runtime)
    except ReproError:
        allowed = False
    if not allowed:
        return one_line(f"the runtime {row.runtime!r} is not on your list", 200)
    if row.suite not in policy.suites:
        return one_line(f"the suite {row.suite!r} is not on your list", 200)
    if not _named_by_owner(job.hardware, policy.hardware):
        meant = _meant(job.hardware, here)
        if not meant:
            return one_line(f"it asks for {job.hardware!r}, which is not this machine", 200)
        if counted(job.hardware)[0] > meant:
            return one_line(f"it asks for {job.hardware!r}, and this machine has {meant}", 200)
    if job.policy_sha256 not in policies:
        return "the registry has a policy that this program does not know: update repro-harness"
    return ""


def triple_of(job: Job, policy: Policy) -> Triple:
    """What is measured for a job that fits."""
    model = policy.model(job.row.model)
    assert model is not None  # noqa: S101 - `unfit` was asked
    return Triple(
        model=model,
        runtime=str(split(job.row.runtime)),
        suite=next(one for one in policy.suites if one == job.row.suite),
        budget_s=60 * policy.most_minutes,
    )


def elsewhere(job: Job, policy: Policy, record: Record) -> str:
    """Why a record is not of the hardware that the job asks for: another device, another number of them, a processor that took
    over; "" where it is.
    """
    try:
        sku = hardware_of(record, "record").sku
    except ReproError as error:
        return f"its hardware is not known: {error.what}"
    told = answers(job.hardware, sku)
    if told is None and _named_by_owner(job.hardware, policy.hardware):
        told = bool(computing(record)[0]) or not has_gpu(record)
    if told is None:
        told = _of_that_name(job.hardware, record)
    return "" if told else one_line(f"it was computed on {sku}, and the request asks for {job.hardware!r}", 300)


def other_model(job: Job, policy: Policy, record: Record) -> str:
    """Why a record is not of the model that the job names: the owner's file under a name of this program's own catalogue is
    another one than the catalogue's; "" where it is, or where nothing tells.
    """
    name = policy.listed(job.row.model)
    if name is None or name not in policy.files or name not in models.public_names():
        return ""
    wanted = models.load(name)
    return "" if is_of(wanted, record) else one_line(f"{policy.files[name]} is another model than {name}", 300)


def _of_that_name(hardware: str, record: Record) -> bool:
    """Of what is in no table, by its name: so many GPUs and nothing else, or the processor alone."""
    (gpus, shared), (count, name) = computing(record), counted(hardware)
    wanted = read_name(name).key
    if gpus:
        called = [{read_name(one.name).key, read_name(one.description).key} for one in gpus]
        return bool(wanted) and shared is None and len(gpus) == count and all(wanted in keys for keys in called)
    processor = value_of(part_of(record, "cpu"), "model")
    return bool(wanted) and isinstance(processor, str) and read_name(processor).key == wanted


def _named_by_owner(hardware: str, names: Sequence[str]) -> bool:
    return any(hardware.casefold() == name.casefold() for name in names)


def _meant(hardware: str, here: Sequence[Device]) -> int:
    """How many of this machine's devices the text means: by their name, or by the same part of the device table."""
    _, name = counted(hardware)
    wanted = read_name(name).key
    asked = {one.sku for one in devices.candidates(name)}
    found = 0
    for device in here:
        own = {one.sku for one in devices.candidates(device.name, device.memory_bytes)}
        named = bool(wanted) and wanted == read_name(device.name).key
        found += named or (len(own) == 1 and asked == own)
    return found


def _named(value: object) -> str:
    request = value.get("request") if isinstance(value, dict) else None
    return one_line(f"job {str(request)[:12]}", 40)
