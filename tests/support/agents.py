"""Agents for tests: the real agent at a real service, on the simulated runtime, whose records these people sign all the same.

As a process of its own, to be killed: python -m tests.support.agents URL MODEL (with XDG_CONFIG_HOME and XDG_CACHE_HOME).
"""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from unittest.mock import patch

from harness.agent import lead, work
from harness.agent.conditions import Moment
from harness.agent.policy import Policy
from harness.capture import doctor
from harness.demo.records import Person, person, sealed
from harness.record import store
from harness.run import session
from tests.support.program import REAL, written

NOON = Moment(hour=12, minute=0, battery=False, stop=False)
SETTINGS = ("step_us=200", "prefill_us=5", "seed=3", "between_ppm=2000")


def policy(model: Path | str, **more) -> Policy:
    return Policy(
        **({"models": ["tiny"], "files": {"tiny": str(model)}, "runtimes": ["simulated"], "hardware": ["here"]} | more)
    )


def simulated(request, watch):
    """As `work.led`, briefly; a demonstration takes such records when somebody signs them."""
    real = session.prepare
    short = replace(request, suite="quick", settings=SETTINGS, processes=3)

    def prepare(*arguments):
        return replace(real(*arguments), signers=request.signers)

    with patch.object(session, "prepare", prepare):
        return work.led(short, watch)


def prepared(request, watch):
    """In the place of a run: three processes that do nothing, and a record that was made before. For what is not about the run."""
    with work.undisturbed(watch):
        for _ in range(3):
            watch.step(lambda: True)
    signers = request.signers
    one = Person(signers.public.handle, signers.operator, person("x").following, signers.rig)
    seed = int(sha256(str(request.results).encode()).hexdigest()[:8], 16)
    return written(request.results / "made", *sealed(one, replace(REAL, seed=seed))) / store.RECORD_FILE


def idle(cache):
    """The machine as it is, as if nobody else worked on it: tests run beside others."""
    seen = doctor.gather(cache, 0.0)
    return replace(seen, quiet=replace(seen.quiet, others_ppm=0))


def main(url: str, model: str) -> None:
    from harness.terminal import agent as terminal

    own = policy(model)
    with (
        patch("harness.agent.policy.read", lambda _path: own),
        terminal.opened(url, None) as made,
        patch(
            "harness.agent.work.first_line", lambda _record: ""
        ),  # a busy machine may spoil checks that rest on times
        nullcontext(replace(made, measure=simulated, look=idle, moment=lambda _: NOON)) as agent,
    ):
        lead.run(agent, once=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
