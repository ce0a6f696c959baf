"""Every call of the API that its description names, tried by schemathesis from that description alone, one after another.

What it makes up follows the description or breaks it, and what an answer names is asked for next. `REPRO_API_CHAINS` asks for more.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.console_desk import console
from tests.support.hostile import scene

CHAINS, STEPS = int(os.environ.get("REPRO_API_CHAINS", "6")), 6
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.mark.parametrize("signed", [False, True])
def test_chains_of_described_calls_get_described_answers_and_bring_nothing(tmp_path, signed):
    with console(str(tmp_path / "registry"), "pat") as (_, [desk]):
        made = scene.made(desk.world, desk)
        address = f"http://localhost:{made.port}"
        described = schemathesis.openapi.from_url(f"{address}/v1/openapi.json")
        before, asked = made.size(), []

        class Chain(described.as_state_machine()):  # type: ignore[misc]
            def get_call_kwargs(self, case: Any) -> dict[str, Any]:
                if not signed:
                    return {}
                sent = case.as_transport_kwargs(base_url=address)
                return {"headers": _signature(made, case.method, sent)}

            def validate_response(self, response: Any, case: Any, *_: Any, **__: Any) -> None:
                asked.append(response.status_code)
                case.validate_response(response, checks=CHECKS)

        Chain.run(
            settings=settings(
                max_examples=CHAINS,
                stateful_step_count=STEPS,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
        )
        assert len(asked) >= CHAINS
        assert made.size() - before == asked.count(201)  # challenges, of who may sign
        assert signed or not asked.count(201)


def _signature(made: scene.Scene, method: str, sent: dict[str, Any]) -> dict[str, str]:
    """Of the request as it will be sent, by an operator."""
    from requests import Request

    ready = Request(method, sent["url"], params=sent.get("params")).prepare()
    parts = urlsplit(ready.url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    return made.signed(target, made.people[0], method)
