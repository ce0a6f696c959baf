"""Make the database of the demonstration that is named, and keep it: `python -m harness.demo.kept_process FOLDER FILE`."""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from pathlib import Path

from harness.demo.kept import Ahead
from harness.demo.serving import copied
from harness.errors import ReproError
from harness.progress import SILENT
from harness.record import decode_process

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # to end, with what it has written taken away
    decode_process.begin()
    # Whoever serves it says what is wrong.
    with suppress(ReproError, KeyboardInterrupt), copied(sys.argv[1], SILENT, Ahead(Path(sys.argv[2]))):
        pass
