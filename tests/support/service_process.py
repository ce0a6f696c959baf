"""A service as a process of its own, to be killed: python -m tests.support.service_process PLACE PORT [SITE]"""

from __future__ import annotations

import sys
from pathlib import Path

from harness.registry.opening import open_database
from harness.service.core import Service, Settings
from harness.service.server import bound, run
from harness.terminal.serving import builder, kept_site
from tests.support.registry_world import key

if __name__ == "__main__":
    site = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    settings = Settings(limited=False, helpers=0, site=site)
    service = Service(open_database(sys.argv[1]), key("registry"), settings)
    own = bound(int(sys.argv[2]))
    with builder(site) as keeper, kept_site(service, keeper):
        run(service, own, lambda address: print(address, flush=True))
