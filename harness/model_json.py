"""The JSON files that lie beside a model's weights, read by the catalogue and by adapters in the worker."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.errors import BadInput

PREPARED = "prepared.json"  # written beside the weights by `repro model prepare`


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is none. Raises `BadInput` for a damaged one."""
    try:
        data = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"can't be read ({error})", where=str(path), fix="fetch or prepare the model again") from error
    return data if isinstance(data, dict) else {}
