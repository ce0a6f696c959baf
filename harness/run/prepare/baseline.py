"""A run held against a record: what is refused before anything is measured, and the rule that looks at the verdict."""

from __future__ import annotations

from harness.catalog.identity import Identity
from harness.catalog.suites import Loaded
from harness.errors import BadInput
from harness.measure.stopping import FixedNumber, SequentialLooks
from harness.record.store import Stored
from harness.run.request import Request
from harness.verify import unusable
from harness.verify.token_ids import digest_of
from harness.worker.plan import Plan
from runtimes.table import find


def rule(request: Request, suite: Loaded) -> SequentialLooks | FixedNumber:
    """The stopping rule; with a record to compare with, it also looks at the verdict. Raises `BadInput` where the two
    can't be compared.
    """
    if request.against is not None:
        _refuse(request.against, suite, request.named.name)
    if request.processes is not None:
        return FixedNumber(request.processes)
    headline = None if request.against is None else request.against.record.headline
    if headline is None or headline.estimate is None:
        return SequentialLooks()
    return SequentialLooks(baseline_medians=tuple(median / 1e6 for median in headline.estimate.process_medians))


def _refuse(stored: Stored, suite: Loaded, runtime: str) -> None:
    record, headline = stored.record, stored.record.headline
    if record.suite.sha256 != suite.sha256:
        label = f"{record.suite.name}-v{record.suite.version}"
        same = "another file of that name" if label == suite.label else f"this run is {suite.label}"
        raise BadInput(f"it ran {label}, {same}", where=_where(stored), fix="take its suite, or a record of this one")
    if headline is None or headline.estimate is None:
        raise BadInput("it holds no decode rate", where=_where(stored), fix="take a record with one")
    if record.run.synthetic != find(runtime).capabilities.synthetic:
        raise BadInput(
            "one is a simulation, the other a measurement", where=_where(stored), fix="take a record of its kind"
        )
    failed = unusable.reasons(record)
    if failed:
        raise BadInput(
            f"its number is not to be used ({', '.join(failed)})", where=_where(stored), fix="take another record"
        )


def refuse_other_model(stored: Stored, identity: Identity) -> None:
    """Raises `BadInput` where the record is of other weights; a conversion of the same ones is the same model."""
    model = stored.record.model
    theirs = {str(model.get("sha256")), str(model.get("derived_from") or model.get("sha256"))}
    document = identity.to_json()
    ours = {identity.sha256, str(document.get("derived_from") or identity.sha256)}
    if not theirs & ours:
        raise BadInput(
            f"it measured {model.get('name')}, this run is of {identity.name}: not comparable",
            where=_where(stored),
            fix="take its model, or a record of this one",
        )


def refuse_other_work(stored: Stored, plan: Plan, *, challenged: bool) -> None:
    """Raises `BadInput` where the headline's prompt would be other ids than the record's, and no challenge draws them."""
    record = stored.record
    theirs = next((w for w in record.workloads if w.id == record.suite.headline), None)
    ours = next((w for w in plan.workloads if w.id == record.suite.headline), None)
    # A challenge draws other words on purpose, as many; a given text stays what it was.
    drawn = challenged or (theirs is not None and theirs.text_sha256 is not None)
    if theirs is None or ours is None or not (drawn or theirs.prompt_sha256 == digest_of(ours.prompt)):
        raise BadInput(
            "its prompt was other token ids: not comparable", where=_where(stored), fix="measure without --against"
        )


def _where(stored: Stored) -> str:
    return f"--against {stored.path.parent.name}"
