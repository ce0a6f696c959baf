"""The errors that a user can meet. Each says what, where, and the way out; the command line prints them as one line.

Standard library only: the worker and the runtimes raise these too.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "BadInput",
    "Conflict",
    "DiskFull",
    "EngineFailed",
    "Interrupted",
    "LogInconsistent",
    "NotAllowed",
    "NotEnoughSpace",
    "NotFound",
    "RecordInvalid",
    "ReproError",
    "RunFailed",
    "RuntimeUnavailable",
    "Statuses",
    "TooLarge",
    "TooMany",
    "TooSlow",
    "Unavailable",
    "Unsigned",
    "WrongType",
    "one_line",
    "statuses",
    "visible",
]


# Printable to Python, and yet nothing is seen of them: fillers, joiners, selectors and blanks.
_UNSEEN = frozenset(
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
    + "".join(map(chr, (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)


def visible(text: str, keep: str = "\n") -> str:
    """Foreign text that may go to a terminal: what acts there, or is not seen, is written as Python would write it.

    That is all of Unicode's categories Cc, Cf, Cs, Co, Cn, Zl, Zp and odd blanks, and characters without a shape; `keep` stays.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c in keep or (c.isprintable() and c not in _UNSEEN) else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def one_line(text: str, limit: int = 500) -> str:
    """`text` on a single line of at most `limit` characters, made `visible`."""
    shown = visible(" ".join(text.split()), keep="")
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


class ReproError(Exception):
    """Base of every error that ends a command without a traceback.

    `what` says what is wrong, `where` names the file, field or option, `fix` tells how to mend it. `code` is a short word
    for the record: free text of an engine may hold paths and serial numbers, and stays in the terminal.
    """

    def __init__(self, what: str, *, where: str = "", fix: str = "", code: str = "") -> None:
        super().__init__(what, where, fix)
        self.what, self.where, self.fix = what, where, fix
        self.code = code or type(self).__name__

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        """Keyword arguments do not come along by themselves; an error of a worker process must say its place here, too."""
        return _made_again, (type(self), self.what, self.where, self.fix, self.code)

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return one_line(f"{text}; {self.fix}" if self.fix else text)

    @property
    def exit_code(self) -> int:
        """The exit status of a command that ends with it, from the table of `statuses`."""
        return statuses(type(self)).exit_status


def _made_again(kind: type[ReproError], what: str, where: str, fix: str, code: str) -> ReproError:
    return kind(what, where=where, fix=fix, code=code)


class BadInput(ReproError):
    """A name, file, option or value that the user gave cannot be used."""


class NotFound(BadInput):
    """What was named is not there."""


class NotAllowed(BadInput):
    """Whoever asks may not do it: not an editor, not the owner, a key that was revoked."""


class Unsigned(NotAllowed):
    """Nobody whom the registry knows has signed the request."""


class Conflict(BadInput):
    """It does not go with what is there already: taken, decided, begun by somebody else."""


class RecordInvalid(BadInput):
    """A record, or its samples, is damaged, from a newer schema, or does not agree with itself."""


class LogInconsistent(RecordInvalid):
    """A log shows another past than it did: it was cut, split or rewritten. Trying again does not help; somebody must look."""


class NotEnoughSpace(BadInput):
    """The disk or the memory is too small for what was asked."""


class DiskFull(NotEnoughSpace):
    """Nothing more can be written: whatever else was to be measured ends, too."""


class TooLarge(BadInput):
    """More bytes than a service takes."""


class TooSlow(BadInput):
    """A request that did not arrive in its time."""


class WrongType(BadInput):
    """A body of another media type than a service reads."""


class TooMany(BadInput):
    """More requests, or more that waits, than the limits allow. `wait_s`: seconds until it may be tried again."""

    wait_s = 60


class Unavailable(BadInput):
    """What is asked fails for now, and nothing was written: a database, or a service that has too much to do. `written`: a
    database refused what it was to write down.
    """

    wait_s = 5
    written = False


class RuntimeUnavailable(ReproError):
    """A runtime's environment is missing, broken or of the wrong version."""


class RunFailed(ReproError):
    """The measurement could not be finished: the worker died, hung or ran out of memory."""


class EngineFailed(RunFailed):
    """The engine failed, and a record says so: `record` is its path. `code` is the outcome's reason."""

    record = ""


class Interrupted(RunFailed):
    """The user stopped the run; what was finished is kept."""


class Statuses(NamedTuple):
    """How a command ends, and what a service answers (RFC 9110)."""

    exit_status: int
    http_status: int


# The one table. A kind that is not in it has its parent's.
_STATUSES: dict[type[ReproError], Statuses] = {
    ReproError: Statuses(2, 500),
    BadInput: Statuses(2, 400),
    NotFound: Statuses(2, 404),
    NotAllowed: Statuses(2, 403),
    Unsigned: Statuses(2, 401),
    Conflict: Statuses(2, 409),
    NotEnoughSpace: Statuses(2, 507),
    DiskFull: Statuses(2, 507),
    TooLarge: Statuses(2, 413),
    TooSlow: Statuses(2, 400),
    WrongType: Statuses(2, 415),
    TooMany: Statuses(2, 429),
    Unavailable: Statuses(2, 503),
    RecordInvalid: Statuses(2, 422),
    LogInconsistent: Statuses(2, 500),  # the registry's own fault, never its client's
    RuntimeUnavailable: Statuses(2, 503),
    RunFailed: Statuses(3, 500),
    EngineFailed: Statuses(3, 500),
    Interrupted: Statuses(130, 503),
}


def statuses(kind: type[ReproError]) -> Statuses:
    """Of a kind of error: its own, or its nearest parent's."""
    return next(_STATUSES[one] for one in kind.__mro__ if one in _STATUSES)
