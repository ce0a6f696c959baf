"""What the API answers, as its description names it. Fields are only ever added."""

from __future__ import annotations

import base64
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from harness.registry.actions.incoming import Answer
from harness.registry.queries.leases import Job
from harness.registry.queries.receipts import Receipt
from harness.tlog.event import Event


class Problem(BaseModel):
    """RFC 9457, with what a program and a person need."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)
    type: str
    title: str
    status: int
    detail: str
    code: str = Field(description="kind of the error, as a program reads it")
    field: str = Field(description="part of the request that is meant; empty: all of it")
    remedy: str = Field(description="what to do about it")


class ReceiptOut(BaseModel):
    """That an entry is in the log. `repro verify RECORD --receipt` checks it without asking anybody."""

    registry: str
    registry_key: str = Field(description="verifier key, as C2SP signed-note writes it")
    entry: int
    event_sha256: str = Field(description="of the event's payload")
    leaf: str = Field(description="the entry's own bytes, base64")
    proof: str = Field(description="a C2SP tlog-proof: index, path, signed checkpoint")


class Place(BaseModel):
    """Where a record falls, in words."""

    row: str
    opens: bool = Field(description="it opens a row of its own")
    lines: list[str]


class AnswerOut(BaseModel):
    """To an event. `new`: false where the very same thing was there already."""

    new: bool
    receipt: ReceiptOut
    event: str = Field(description="the event's envelope as it is in the log, base64")
    row: str | None = Field(default=None, description="of a submission: the id of its row")
    row_page: str | None = Field(default=None, description="where its page will be once an editor approved it")
    operator_page: str | None = None
    place: Place | None = Field(default=None, description="where asked for: place=1")


class Trial(BaseModel):
    """What would happen."""

    entry: int | None = Field(description="that it would get now; null where it is in the log already")
    new: bool
    place: Place | None = None


class RowOut(BaseModel):
    """What is to be measured, as a row of a matrix. It has no options."""

    model: str
    runtime: str
    suite: str


class JobOut(BaseModel):
    """A request that a machine may take. Data: what its words mean is decided by the machine's owner."""

    request: str = Field(description="id")
    row: RowOut
    hardware: str = Field(description="as who asked called it")
    policy_sha256: str = Field(description="of the registry's policy in force")


class JobsOut(BaseModel):
    """Those that nobody measures now, the oldest first, 200 at most."""

    jobs: list[JobOut]


class LeaseOut(BaseModel):
    """Who may measure a request, and until when."""

    lease: str = Field(description="its number, as the asker drew it")
    request: str
    until: str | None = Field(description="UTC; null: given back, or answered")


class TakenOut(LeaseOut):
    """With what is to be done."""

    job: JobOut


def job(found: Job) -> JobOut:
    """As it is sent."""
    row = RowOut(model=found.model, runtime=found.runtime, suite=found.suite)
    return JobOut(request=found.request, row=row, hardware=found.hardware, policy_sha256=found.policy_sha256)


def receipt(found: Receipt) -> ReceiptOut:
    """As it is sent."""
    return ReceiptOut(
        registry=found.registry,
        registry_key=found.registry_key,
        entry=found.entry,
        event_sha256=found.event_sha256,
        leaf=base64.b64encode(found.leaf).decode(),
        proof=found.proof.decode(),
    )


def answer(found: Answer, event: Event, place: dict[str, Any] | None, pages: str | None = "") -> AnswerOut:
    """To this event. `pages`: the site's address, "" where that is the service's own; None: no page is named."""
    made = AnswerOut(new=found.new, receipt=receipt(found.receipt), event=base64.b64encode(found.envelope).decode())
    if event.kind == "record-submitted":
        made.row = str(event.detail["row"]) or event.subject
        made.row_page = None if pages is None else f"{pages}/rows/{made.row[:16]}/"
    if pages is not None and event.kind in (
        "record-submitted",
        "operator-joined",
    ):  # of failed runs alone nobody has a page
        made.operator_page = f"{pages}/operators/{event.by}.html"
    if place is not None:
        made.place = Place(**place)
    return made
