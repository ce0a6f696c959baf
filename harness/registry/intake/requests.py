"""May a record answer the request that its submission names? What the log alone can't tell: its hardware."""

from __future__ import annotations

from harness.errors import BadInput
from harness.registry.facts import RequestFact
from harness.registry.intake.asked import answers
from harness.registry.rules.base import View
from harness.tlog.event import Event


def refuse_other_hardware(event: Event, sku: str, view: View) -> None:
    """Raises `BadInput` where the request asks for a part that the table tells from the record's, or for another number of it.

    Of hardware that is in no table an editor judges.
    """
    request = view.get(RequestFact, event.detail["request"]) if event.detail["request"] else None
    if request is not None and answers(request.hardware, sku) is False:
        raise BadInput(
            f"the request asks for {request.hardware!r:.80}, and the record is of {sku}",
            where=event.subject[:12],
            fix="submit it without the request",
        )
