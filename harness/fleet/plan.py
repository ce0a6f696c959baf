"""The plan of a fleet: which configuration is measured on which node, in which order. Pure.

Whole nodes, and one configuration at a time on each. Each node measures every configuration of the matrix as often as its class
says, in an order of its own that the seed draws: what the hour does to a node meets all configurations alike.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from itertools import count
from typing import Annotated, Literal

from pydantic import Field, model_validator

from harness.catalog.machines import NODE_NAME, Machine, Needs
from harness.catalog.matrices import Loaded, Matrix
from harness.catalog.pairs import Ident, Pair, SideName
from harness.catalog.toml_file import Part
from harness.catalog.triples import Triple
from harness.errors import BadInput
from harness.units import count as counted

MOST_JOBS = 10_000
EVERYWHERE = Machine(name="all")  # where the matrix names no machines


class Node(Part):
    """One machine as its scheduler tells of it. `why_not`: it takes no jobs now."""

    name: str  # as the scheduler says it; one that can't name a file takes no jobs
    memory_mib: int | None = None
    devices: int = 0
    device_kinds: tuple[str, ...] = ()  # what the scheduler, or the driver, calls its GPUs
    features: tuple[str, ...] = ()
    partitions: tuple[str, ...] = ()
    by_default: bool = True  # it takes jobs that name no partition
    why_not: str = ""


# What a plan names becomes a file's name, and a word of a scheduler's command: a plan that was edited by hand is held to it, too.
Name = Annotated[str, Field(pattern=NODE_NAME)]
Number = Annotated[int, Field(ge=0, lt=MOST_JOBS)]


class Turn(Part):
    """A job's part in a pair: it takes turns with the job `partner`, in an order that `seed` draws."""

    pair: Ident
    side: SideName
    partner: Number
    rounds: int = Field(ge=1)
    budget_s: int | None = None  # of both
    seed: int = Field(ge=0)


class Job(Part):
    """One configuration on one node, once. Of a pair, A has the number before B."""

    number: Number
    machine: str  # its class
    node: Name
    repeat: int  # from 0
    triple: Triple
    turn: Turn | None = None  # None: it is measured by itself

    def __str__(self) -> str:
        return str(self.triple) if self.turn is None else f"{self.turn.pair} {self.turn.side}: {self.triple}"


class Answers(Part):
    """Who answers for the records: public keys, hexadecimal. The private key stays where the plan was made."""

    handle: str
    operator_key: str
    next_key_sha256: str


class Plan(Part):
    """All of it, as it was when the fleet was started; it never changes afterwards."""

    format: Literal[1] = 1
    id: Name  # drawn for this start
    matrix: str
    title: str
    sha256: str  # of the matrix's file
    executor: Name
    seed: int
    machines: tuple[Machine, ...]
    jobs: tuple[Job, ...]
    budget_s: int | None = None
    operator: Answers | None = None
    folder: str = ""  # where it was started: paths of the matrix are seen from there
    cache: str = ""  # of each node, %n is its name; "": the executor's own
    harness: str = ""  # its version
    allowed: tuple[
        str, ...
    ] = ()  # settings, NAME=VALUE, that reach a program, a file or an address: the user named them

    @model_validator(mode="after")
    def _agrees(self) -> Plan:
        """What was written by `make_plan` does; what was edited afterwards may not."""
        known = {machine.name for machine in self.machines}
        for place, job in enumerate(self.jobs):
            if job.number != place:
                raise ValueError(f"the job at place {place} has the number {job.number}")
            if job.machine not in known:
                raise ValueError(f"job {place} is of a class that is not in the plan")
            if job.turn is not None and not self._faces(job, job.turn):
                raise ValueError(f"job {place} has no partner")
        return self

    def _faces(self, job: Job, turn: Turn) -> bool:
        other = self.jobs[turn.partner] if turn.partner < len(self.jobs) else None
        side = 1 if turn.side == "a" else -1
        mutual = other is not None and other.turn is not None and other.turn.partner == job.number
        return mutual and turn.partner == job.number + side

    def machine(self, job: Job) -> Machine:
        """The class of the job's node."""
        return next(one for one in self.machines if one.name == job.machine)

    def together(self, job: Job) -> tuple[Job, ...]:
        """The job, or both of its pair, A first."""
        if job.turn is None:
            return (job,)
        first = min(job.number, job.turn.partner)
        return self.jobs[first], self.jobs[first + 1]

    def run_seed(self, job: Job) -> int:
        """Draws the order of the trials. It is this job's alone, or its pair's: its record bears it, and no earlier one of
        the same configuration does.
        """
        first = self.together(job)[0].number
        return int.from_bytes(sha256(f"{self.id} {first}".encode()).digest()[:6])

    def by_node(self) -> dict[str, tuple[Job, ...]]:
        """The jobs of each node, in the order in which it takes them."""
        found: dict[str, list[Job]] = {}
        for job in self.jobs:
            found.setdefault(job.node, []).append(job)
        return {node: tuple(jobs) for node, jobs in found.items()}


def make_plan(
    loaded: Loaded,
    nodes: Sequence[Node],
    executor: str,
    identity: str,
    *,
    operator: Answers | None = None,
    folder: str = "",
    cache: str = "",
    version: str = "",
    allowed: tuple[str, ...] = (),
) -> Plan:
    """Every configuration on every node of every class. Raises `BadInput` where it can't be run as the matrix says."""
    matrix = loaded.matrix
    if matrix.sweep is not None:
        raise BadInput(
            "takes turns on one machine",
            where="sweep",
            fix="run: repro matrix run FILE, or write its lists as [grid.options]",
        )
    _refuse_twice([node.name for node in nodes])
    needs = matrix.needs or Needs()
    classes = tuple(_with(one, needs) for one in matrix.machines or (EVERYWHERE,))
    chosen = _chosen(classes, needs, nodes)
    each = len(matrix.configurations) + 2 * len(matrix.pairs)
    total = each * sum(len(chosen[one.name]) * one.repeats for one in classes)
    if total > MOST_JOBS:
        raise BadInput(
            f"{total:,} jobs are more than a fleet takes, the limit is {MOST_JOBS:,}",
            where=matrix.name,
            fix="name fewer configurations, nodes or repeats",
        )
    jobs: list[Job] = []
    for machine in classes:
        for node in chosen[machine.name]:
            jobs += _of_node(matrix, machine, node, len(jobs))
    return Plan(
        id=identity,
        matrix=matrix.name,
        title=matrix.title or matrix.name,
        sha256=loaded.sha256,
        executor=executor,
        seed=matrix.seed,
        machines=classes,
        jobs=tuple(jobs),
        budget_s=matrix.budget_s,
        operator=operator,
        folder=folder,
        cache=cache,
        harness=version,
        allowed=allowed,
    )


def _with(machine: Machine, needs: Needs) -> Machine:
    """What the matrix needs of any node, asked of this class, too: its jobs must be granted what they need."""
    kind = machine.device_kind or needs.device_kind
    least = needs.devices or (1 if kind else 0)
    devices = max(machine.devices or 0, least) if least else machine.devices
    return machine.model_copy(update={"devices": devices, "device_kind": kind})


def _of_node(matrix: Matrix, machine: Machine, node: str, first: int) -> list[Job]:
    """Configurations and pairs in the order that the seed draws for this node."""
    found: list[Job] = []
    numbers = count(first)
    for repeat in range(machine.repeats):
        order: list[Triple | Pair] = [*matrix.configurations, *matrix.pairs]
        random.Random(f"{matrix.seed}:{node}:{repeat}").shuffle(order)  # noqa: S311 - an order, not a secret
        for one in order:
            if isinstance(one, Triple):
                found.append(Job(number=next(numbers), machine=machine.name, node=node, repeat=repeat, triple=one))
            else:
                found += _of_pair(one, Job(number=next(numbers), machine=machine.name, node=node, repeat=repeat,
                                           triple=one.triples[0]), next(numbers), matrix.seed)  # fmt: skip
    return found


def _of_pair(pair: Pair, first: Job, second: int, seed: int) -> list[Job]:
    drawn = int.from_bytes(sha256(f"{seed}:{first.node}:{first.repeat}:{pair.name}".encode()).digest()[:4])

    def turn(side: SideName, partner: int) -> Turn:
        return Turn(
            pair=pair.name, side=side, partner=partner, rounds=pair.processes, budget_s=pair.budget_s, seed=drawn
        )

    other = {"number": second, "triple": pair.triples[1], "turn": turn("b", first.number)}
    return [first.model_copy(update={"turn": turn("a", second)}), first.model_copy(update=other)]


def _chosen(classes: Sequence[Machine], needs: Needs, nodes: Sequence[Node]) -> Mapping[str, tuple[str, ...]]:
    """The nodes of each class; a node is in one class. Those that are named come first. Raises `BadInput`."""
    taken: dict[str, str] = {}
    found: dict[str, tuple[str, ...]] = {}
    for machine in sorted(classes, key=lambda one: not one.names):  # stable: else in the matrix's order
        reasons = {node.name: unfit(node, machine, needs) for node in nodes}
        if machine.names:
            for name in machine.names:
                if name not in reasons:
                    raise BadInput(f"there is no node {name!r}", where=f"machines {machine.name}", fix="check its name")
                if name in taken:
                    what = f"the node {name!r} is in two classes, {taken[name]} and {machine.name}"
                    raise BadInput(what, where="machines", fix="name it once: it measures one thing at a time")
                if reasons[name]:
                    raise BadInput(
                        f"the node {name!r} {reasons[name]}", where=f"machines {machine.name}", fix="take others"
                    )
        fit = [node.name for node in nodes if not reasons[node.name] and node.name not in taken]
        fit = [name for name in machine.names or fit if name in fit]
        if len(fit) < (machine.nodes or 1):
            raise BadInput(
                f"asks for {machine.nodes or 1} and {len(fit)} fit{_why(reasons, taken)}",
                where=f"machines {machine.name}",
                fix="ask for fewer, or take another constraint",
            )
        found[machine.name] = tuple(fit[: machine.nodes])
        taken |= dict.fromkeys(found[machine.name], machine.name)
    return found


def unfit(node: Node, machine: Machine, needs: Needs) -> str:
    """Why a node takes no job of that class; "" where it does."""
    if re.fullmatch(NODE_NAME, node.name) is None:
        return "has a name that is not of letters, digits, dot, dash and underscore"
    if node.why_not:
        return node.why_not
    if machine.partition is not None and node.partitions and machine.partition not in node.partitions:
        return f"is not in the partition {machine.partition}"
    if machine.partition is None and not node.by_default:
        return f"is not in the scheduler's default partition: name one, {' or '.join(node.partitions)}"
    if machine.constraint is not None and not _has(node.features, machine.constraint):
        return f"lacks {machine.constraint}"
    if (machine.devices or 0) > node.devices:
        return f"has {counted(node.devices, 'GPU')}, a job needs {machine.devices}"
    if machine.device_kind is not None and not _all_are(node.device_kinds, machine.device_kind):
        return (
            f"has GPUs of the kind {', '.join(sorted(set(node.device_kinds))) or 'unknown'}, not {machine.device_kind}"
        )
    if needs.memory_mib is not None and node.memory_mib is not None and node.memory_mib < needs.memory_mib:
        return f"has {node.memory_mib} MiB of memory, {needs.memory_mib} are needed"
    return ""


def _has(features: Sequence[str], constraint: str) -> bool:
    """`a&b` asks for both, `a|b` for one of them; & binds closer, as in SLURM without brackets."""
    return any(all(one in features for one in every.split("&")) for every in constraint.split("|"))


def _all_are(names: Sequence[str], kind: str) -> bool:
    """Whether every GPU is of that kind: its name holds the kind's words. An exclusive job sees all of a node's GPUs."""
    own, wanted = [_words(name) for name in names], _words(kind)
    return bool(own) and all(f"-{wanted}-" in f"-{name}-" for name in own)


def _words(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower())


def _why(reasons: Mapping[str, str], taken: Mapping[str, str]) -> str:
    told = [f"{name} {why}" for name, why in reasons.items() if why]
    told += [f"{name} is in {other}" for name, other in taken.items()]
    return f" ({'; '.join(told[:3])}{'; …' if len(told) > 3 else ''})" if told else ""


def _refuse_twice(names: Sequence[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BadInput(f"the scheduler tells of {twice!r} twice", where="nodes", fix="give each node one name")
