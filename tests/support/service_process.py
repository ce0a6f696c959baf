"""A service as a process of its own, to be killed: python -m tests.support.service_process PLACE PORT"""

from __future__ import annotations

import sys

from harness.registry.opening import open_database
from harness.service.core import Service, Settings
from harness.service.server import bound, run
from tests.support.registry_world import key

if __name__ == "__main__":
    service = Service(open_database(sys.argv[1]), key("registry"), Settings(limited=False, helpers=0))
    run(service, bound(int(sys.argv[2])), lambda address: print(address, flush=True))
