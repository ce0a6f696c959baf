"""Acts that turn a thing to and fro, and the name of the thing that each is about. Pure."""

from __future__ import annotations

from harness.tlog.event import Event

_THINGS = {
    "operator-verified": "verified",
    "operator-unverified": "verified",
    "operators-tied": "tie",
    "operators-untied": "tie",
    "limits-raised": "limits",
    "limits-ended": "limits",
    "key-revoked": "revocation",
    "key-unrevoked": "revocation",
    "request-accepted": "request",
    "request-rejected": "request",
    "request-marked-duplicate": "request",
    "request-archived": "request",
    "request-revived": "request",
    "request-claimed": "request",
    "request-released": "request",
    "row-reported": "report",
    "report-withdrawn": "report",
}


def thing(event: Event) -> str:
    """What the event turns, as `last-act` calls it; "" of another kind. A tie has no order; a report is its operator's."""
    what = _THINGS.get(event.kind)
    if what is None:
        return ""
    if what == "tie":
        return f"tie {'|'.join(sorted({event.subject, event.detail['other']}))}"
    return f"report {event.by} {event.subject}" if what == "report" else f"{what} {event.subject}"
