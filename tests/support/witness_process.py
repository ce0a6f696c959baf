"""A witness as a process of its own, to be killed: python -m tests.support.witness_process FOLDER PORT ORIGIN KEY"""

from __future__ import annotations

import sys
from pathlib import Path

from harness.service.server import bound, listen
from harness.service.witness.app import app_of
from harness.service.witness.state import opened

if __name__ == "__main__":
    folder, port, origin, vkey = sys.argv[1:]
    with opened(Path(folder), "witness.example/w1") as witness, bound(int(port)) as own:
        witness.know(origin, vkey, lambda _old, _new: False)
        listen(app_of(witness), own, lambda address: print(address, witness.vkey, flush=True))
