"""The errors that a user can meet. Each says what, where, and the way out; the command line prints them as one line.

Standard library only: the worker and the runtimes raise these too.
"""

from __future__ import annotations

__all__ = [
    "BadInput",
    "Interrupted",
    "NotEnoughSpace",
    "RecordInvalid",
    "ReproError",
    "RunFailed",
    "RuntimeUnavailable",
    "one_line",
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

    exit_code = 2

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


def _made_again(kind: type[ReproError], what: str, where: str, fix: str, code: str) -> ReproError:
    return kind(what, where=where, fix=fix, code=code)


class BadInput(ReproError):
    """A name, file, option or value that the user gave cannot be used."""


class RecordInvalid(BadInput):
    """A record, or its samples, is damaged, from a newer schema, or does not agree with itself."""


class NotEnoughSpace(BadInput):
    """The disk or the memory is too small for what was asked."""


class RuntimeUnavailable(ReproError):
    """A runtime's environment is missing, broken or of the wrong version."""


class RunFailed(ReproError):
    """The measurement could not be finished: the worker died, hung or ran out of memory."""

    exit_code = 3


class Interrupted(RunFailed):
    """The user stopped the run; what was finished is kept."""

    exit_code = 130
