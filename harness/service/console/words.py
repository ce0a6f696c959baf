"""What acts are called on pages, and the reasons that editors often give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

ACTS: Mapping[str, str] = {
    "record-approved": "Approve the record",
    "record-rejected": "Reject the record",
    "record-sent-back": "Request changes to the record",
    "record-moved": "Move the record out of its closed row",
    "body-dropped": "Take down the record's bytes",
    "failure-approved": "Approve the record of a run that failed",
    "failure-rejected": "Reject the record of a run that failed",
    "failure-dropped": "Take down the bytes of the record of a run that failed",
    "operator-verified": "Verify that the operator owns the hardware",
    "operator-unverified": "Undo the operator's verification",
    "operators-tied": "Say that two operators are one person",
    "operators-untied": "Undo that two operators are one person",
    "limits-raised": "Raise the operator's limits",
    "limits-ended": "End the operator's raised limits",
    "reports-closed": "Close the reports of the row",
    "key-revoked": "Revoke the operator's key",
    "key-unrevoked": "Undo the revocation of the operator's key",
    "request-accepted": "Accept the request",
    "request-rejected": "Reject the request",
    "request-archived": "Archive the request",
    "request-revived": "Revive the request",
    "request-released": "Release the request's claim",
    "request-marked-duplicate": "Mark the request as a duplicate",
    "evidence-removed": "Show another tool's numbers no more beside the row",
    "editors-changed": "Change the list of editors",
    "policy-adopted": "Adopt the policy",
    "passkeys-allowed": "Say where passkeys count",
    "witness-added": "Ask a witness to sign the log",
    "witness-removed": "Ask the witness no more",
}

# By decision. An editor may add to one, or write another.
REASONS: Mapping[str, Sequence[str]] = {
    "Approve": (
        "complete, and its numbers agree",
        "complete; the findings are explained",
        "agrees with the row within its interval",
    ),
    "Request changes": (
        "please name the power limit and the cooling",
        "please measure again on a quiet machine: the interval is too wide",
        "please send the device note",
        "please name the build of the runtime",
    ),
    "Reject": (
        "its numbers are not possible on this device",
        "its samples are those of another record",
        "the device's name and its memory disagree",
        "checks that must pass have failed",
    ),
}
SEVERAL = ("record-approved", "record-sent-back", "record-rejected")  # what may be decided of several records at once
REQUEST_STEPS: Mapping[str, Sequence[str]] = {
    "pending": ("request-accepted", "request-rejected", "request-marked-duplicate", "request-archived"),
    "accepted": ("request-marked-duplicate", "request-archived"),
    "claimed": ("request-released", "request-archived"),
    "archived": ("request-revived",),
}


def act(kind: str) -> str:
    """In words."""
    return ACTS.get(kind, kind)


def reason(template: str, own: str) -> str:
    """What the event says: the chosen template, and what the editor has added."""
    return "; ".join(part for part in (template.strip(), " ".join(own.split())) if part)
