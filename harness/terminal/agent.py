"""An agent with the keys, registry and policy of whoever sits here; what is told of it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from harness.errors import BadInput, NotFound, Unavailable
from harness.terminal.registry_option import named

if TYPE_CHECKING:
    from harness.agent.policy import Policy
    from harness.agent.state import State
    from harness.agent.work import Agent
    from harness.registry.remote.registry import Remote


@contextmanager
def opened(target: str | None, policy_file: Path | None) -> Iterator[Agent]:
    """An agent, ready to run, alone for this user. Raises `BadInput` before anything is asked for."""
    from functools import partial

    from harness.agent import policy as policies
    from harness.agent import sending
    from harness.agent.lead import known_policies
    from harness.agent.work import Agent
    from harness.fleet.measured import Lines
    from harness.registry.actions.acts import Actor
    from harness.terminal.keys import introduced, operator_keys

    policy, signers = policies.read(policy_file or policies.place()), operator_keys()
    registry, lines = _service(target), Lines()
    actor = Actor(signers.public.handle, (signers.operator,))
    registry.append_all(introduced(registry, actor), "")
    state = _of(registry)
    signal.signal(signal.SIGTERM, _stopped)  # as Ctrl-C: the worker is stopped, the journal kept, the lease given back
    with state.alone():
        yield Agent(
            policy=policy,
            state=state,
            leases=registry.leases(signers.operator),
            signers=signers,
            there=partial(sending.there, registry, actor),
            send=partial(sending.send, registry, actor),
            send_failure=partial(sending.send_failure, registry, actor),
            tell=lines.stage,
            progress=lines,
            policies=known_policies(),
        )


def _stopped(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _service(target: str | None) -> Remote:
    from harness.registry.remote.address import is_url
    from harness.terminal.remote import open_remote

    place = named(target)
    if not is_url(place):
        raise BadInput("must be the https:// URL of a service", where="--registry", fix="ask the registry's host")
    return open_remote(place)


def _of(registry: Remote) -> State:
    from harness.agent import state

    with registry.reading() as reader:
        return state.of(reader.origin())


def state_of(target: str | None) -> State:
    """What this machine's agent knows of that registry, which may be away. Raises `BadInput`."""
    from harness.agent import state

    places = sorted(one for one in state.home().glob("*") if one.is_dir()) if target is None else []
    if len(places) == 1:  # there is one registry that it works for
        return state.State(places[0], "")
    try:
        return _of(_service(target))
    except Unavailable as error:
        raise BadInput(error.what, where=error.where, fix="its name is not known while it is away") from None


def approved(state: State, prefix: str) -> str:
    """The request whose id begins so has its owner's word now. Raises `BadInput` for none, or several."""
    known = {one.request for one in state.waiting()} | {one.request for one in state.ended()}
    found = sorted(one for one in known if prefix and one.startswith(prefix.lower()))
    if not found:
        raise NotFound(
            "no request that waits or ended here begins so", where=prefix[:12], fix="see: repro agent status"
        )
    if len(found) > 1:
        raise BadInput(f"{len(found)} requests begin so", where=prefix[:12], fix="name more of it")
    state.approve(found[0])
    return found[0]


def print_policy(policy: Policy, *, as_json: bool) -> None:
    """What it allows, whether it allows anything now, and by which names requests mean this machine."""
    from harness.agent import conditions
    from harness.paths import cache
    from harness.terminal.console import out, print_json

    seen = conditions.look(cache())
    names = [one.name for one in conditions.devices(seen.environment)]
    why = conditions.halted(policy, conditions.now(policy)) or conditions.unfit(policy, seen)
    if as_json:
        return print_json({"policy": policy.model_dump(), "hardware": names, "not_now": why})
    console = out()
    for name, value in policy.model_dump(exclude_defaults=True).items():
        console.print(f"{name}: {', '.join(map(str, value)) if isinstance(value, list) else value}", markup=False)
    console.print(f"this machine in requests: {', '.join([*names, *policy.hardware]) or 'unknown'}", markup=False)
    console.print(f"now: {why or 'it would measure'}", markup=False)
    return None


def print_status(state: State, *, as_json: bool) -> None:
    """Under way, waiting, ended; ids, and reasons in one line."""
    from harness.terminal.console import out, print_json

    current, waiting, ended = state.current(), state.waiting(), state.ended()
    if as_json:
        return print_json(
            {
                "current": None if current is None else current.model_dump(mode="json"),
                "waiting": [one.model_dump(mode="json") for one in waiting],
                "ended": [one.model_dump(mode="json") for one in ended],
            }
        )
    console = out()
    if current is not None:
        console.print(f"{current.job.request[:12]}  {current.stage}  {current.triple}", markup=False)
    for job in waiting:
        console.print(f"{job.request[:12]}  waits for your approval  {job.row.model} {job.row.runtime}", markup=False)
    for one in ended[-20:]:
        text = f"{one.request[:12]}  {one.ending}  {one.what}  {one.reason or one.record}"
        console.print(text, markup=False, soft_wrap=True)
    if current is None and not waiting and not ended:
        console.print("nothing was measured for this registry yet", markup=False)
    return None
