"""The program on a pseudo-terminal, and what of its output would act there."""

import errno
import os
import pty
import re
import sys
import unicodedata

from harness.cli import main

# What our own styles write: bold, dim, the colours, and their end. Concealed, blinking or reversed text is never ours.
_BAR = re.compile(r"\x1b\[(?:\?25[lh]|2K|1A|38;5;\d+m)")  # how a progress bar moves and is coloured
_OWN = re.compile(r"\x1b\[(?:0|1|2|3[0-7]|9[0-7])?(?:;(?:0|1|2|3[0-7]|9[0-7]))*m")


def on_terminal(*arguments, answer: bytes = b"", **environment) -> tuple[int, str]:
    """Exit status and all that the terminal was sent."""
    child, descriptor = pty.fork()
    if child == 0:
        _in_child([str(one) for one in arguments], environment)
    if answer:
        os.write(descriptor, answer)
    told = bytearray()
    while True:
        try:
            part = os.read(descriptor, 65536)
        except OSError as error:  # how Linux says that the other end was closed
            if error.errno != errno.EIO:
                raise
            part = b""
        if not part:
            break
        told += part
    os.close(descriptor)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), told.decode()


def _in_child(arguments, environment):
    code = 99
    try:
        os.environ.update(environment, TERM="xterm-256color", COLUMNS="9999")
        os.environ.pop("NO_COLOR", None)
        sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")
        try:
            main(arguments)
        except SystemExit as end:
            code = end.code or 0
        except BaseException:
            import traceback

            traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


def what_acts(told: str, bar: bool = False) -> list[str]:
    """Everything in the output that a terminal would obey or hide, but for our own colours, the ends of lines, and a progress
    bar where there is one.
    """
    rest = _OWN.sub("", _BAR.sub("", told) if bar else told)
    acting = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    return [
        f"U+{ord(c):04X} in {rest[max(0, i - 30) : i + 20]!r}"
        for i, c in enumerate(rest)
        if c not in "\r\n" and (unicodedata.category(c) in acting or c in "\u034f\u3164\u2800\ufe0f\u115f")
    ]
