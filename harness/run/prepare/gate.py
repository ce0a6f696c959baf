"""The privacy gate as a run tries it: before anything is measured with all that is known by then, and on the whole record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from harness import paths
from harness.capture.privacy import distinctive, leaks, own_identifiers
from harness.catalog import models
from harness.catalog.suites import Loaded
from harness.errors import RecordInvalid
from harness.record import schema
from harness.worker.frames import Frame
from runtimes import table

_WAYS_OUT = {
    "model": "rename the model's file or folder, or the name inside it",
    "runtime.options": "change that option",
    "runtime.variables": "unset that variable",
    "runtime.packages": "measure in an environment without that package",
    "workloads": "rename it in the suite's file",
    "suite": "rename it in the suite's file",
}

_NEVER_RECORDED = ("device_ids", "device_places", "served")


def refuse_identifiers(document: Any, suite: Loaded) -> None:
    """Raises `RecordInvalid` where the document, a record or parts of one, would name this host, its user or its network."""
    found = leaks(document, distinctive(own_identifiers(), _vocabulary(suite)))
    if found:
        way_out = next((fix for place, fix in _WAYS_OUT.items() if found[0].startswith(place)), "")
        raise RecordInvalid(
            f"the record would publish an identifier of this machine or its user in {found[0]}",
            where="privacy check",
            fix=way_out or "measure as another user, or give the machine another name",
        )


def admit(frame: Frame, suite: Loaded) -> None:
    """As `refuse_identifiers`, for what a worker tells of itself and its engine before its first trial."""
    if frame.kind == "hello":
        refuse_identifiers({"runtime": {"packages": frame.header.get("packages", {})}}, suite)
    elif frame.kind == "loaded":
        facts = {name: value for name, value in frame.header["facts"].items() if name not in _NEVER_RECORDED}
        refuse_identifiers({"runtime": facts}, suite)


def parts_of(suite: Loaded, environment: Mapping[str, Any], variables: Mapping[str, str]) -> dict[str, Any]:
    """What a record of this suite on this machine will say in any case."""
    return {
        "environment": environment,
        "runtime": {"variables": variables},
        "suite": {"name": suite.suite.name, "headline": suite.suite.headline},
        "workloads": [{"id": workload.id, "title": workload.title} for workload in suite.suite.workloads],
    }


def _vocabulary(suite: Loaded) -> str:
    """Our own words. A suite's are ours only where it is one of ours: in a user's own file a name would be theirs."""
    ours = []
    if suite.path.parent == paths.configs() / "suites":
        ours = [suite.label, suite.suite.headline]
        ours += [text for workload in suite.suite.workloads for text in (workload.id, workload.title)]
    return " ".join((words_of_the_program(), *ours))


@cache
def words_of_the_program() -> str:
    """Made once: a run asks several times a process; a schema takes pydantic long, and every package is asked for adapters."""
    return " ".join(
        (json.dumps(schema.Record.model_json_schema()), "repro bench", *models.public_names(), *table.names())
    )
