"""What the tests of `tests.support.warm` run: python -m tests.support.warm_example WHAT …"""

from __future__ import annotations

import os
import subprocess
import sys
import time

if __name__ == "__main__":
    what, *words = sys.argv[1:]
    if what == "end":
        print("said", file=sys.stderr)
        assert __spec__ is not None
        print(__spec__.name, sys.argv[1:], os.environ["OWN"])
        sys.exit(int(words[0]))
    if what == "start":
        with subprocess.Popen(["sleep", "600"]) as child:
            print(child.pid, flush=True)
            time.sleep(600)
    print(1 // 0)
