"""`python -m harness.service`: print the API's description."""

from __future__ import annotations

import sys
from typing import Any

from harness.service.app import app_of
from harness.service.core import Service, Settings
from harness.service.description import text

NOTHING: Any = None  # of a registry is asked before the application starts
sys.stdout.write(text(app_of(Service(NOTHING, NOTHING, Settings()))))
