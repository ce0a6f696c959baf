"""What the owner of a machine allows: a TOML file. What it does not name is not measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from harness import paths
from harness.agent import hours
from harness.catalog import models, suites, toml_file
from harness.catalog.toml_file import Part
from harness.errors import BadInput
from harness.files import write_text
from harness.fleet.node_rules import refuse_unknown
from harness.registry.intake.asked import SUITE
from harness.state_files import made
from runtimes.releases import split
from runtimes.table import find

Word = Annotated[str, Field(min_length=1, max_length=200)]
ANY_RELEASE = "@*"  # after a runtime's name: any release of its engine, not the pinned one alone
FILE = "agent.toml"
STOP = "agent.stop"


class Policy(Part):
    """See docs/agent.md. Words of `models` are what requests are compared with, and what is measured then."""

    models: list[Word] = Field(min_length=1, max_length=500)
    runtimes: list[Word] = Field(min_length=1, max_length=100)
    suites: list[Word] = Field(default=["default"], min_length=1, max_length=20)
    files: dict[Word, Word] = Field(default_factory=dict, description="where a model of that name lies here")
    hardware: list[Word] = Field(default=[], max_length=50, description="further names of this machine in requests")
    quiet_hours: list[Word] = Field(default=[], max_length=20)
    approval: Literal["automatic", "manual"] = "automatic"
    on_battery: bool = False
    most_other_load_percent: int = Field(default=5, ge=0, le=100)
    most_disk_gib: int = Field(default=50, ge=1, le=1_000_000)
    most_minutes: int = Field(default=120, ge=1, le=24 * 60, description="of measuring, for one job")
    tolerate: list[Word] = Field(default=[], max_length=20, description="checks of repro doctor that forbid nothing")
    stop_file: Word | None = None

    @field_validator("models")
    @classmethod
    def _apart(cls, value: list[str]) -> list[str]:
        folded = [one.casefold() for one in value]
        twice = next((one for one in value if folded.count(one.casefold()) > 1), None)
        if twice is not None:  # requests are compared without regard to capitals: which one they mean would be chance
            raise ValueError(f"has {twice[:60]!r} twice")
        return value

    @field_validator("quiet_hours")
    @classmethod
    def _hours(cls, value: list[str]) -> list[str]:
        spans = [hours.read(one) for one in value]
        if all(any(span.holds(minute) for span in spans) for minute in range(hours.DAY)):
            raise ValueError("leaves no minute of the day: nothing would ever be measured")
        return value

    @field_validator("stop_file")
    @classmethod
    def _path(cls, value: str | None) -> str | None:
        try:
            Path(value or "").expanduser()
        except RuntimeError:
            raise ValueError(f"{value!r} begins with the name of a user who has no home here") from None
        return value

    @property
    def stop(self) -> Path:
        """While this file is there, nothing is measured."""
        return Path(self.stop_file).expanduser() if self.stop_file else paths.config() / STOP

    def listed(self, name: str) -> str | None:
        """The word of `models` that a request means by this name; None: it is not on the list."""
        return next((one for one in self.models if one.casefold() == name.casefold()), None)

    def model(self, name: str) -> str | None:
        """What to measure for a request that names a model so; None: it is not on the list."""
        found = self.listed(name)
        return None if found is None else self.files.get(found, found)

    def allows_runtime(self, name: str) -> bool:
        """Whether it is on the list, with its release if it names one."""
        known = split(name)
        return str(known) in self.runtimes or f"{known.name}{ANY_RELEASE}" in self.runtimes


EXAMPLE = """\
# What this machine measures for others, and when. See docs/agent.md. What is not named here is not measured.

models = ["gemma-3-270m-q4_k_m"]        # names in the catalogue (repro model list), or hf:owner/name:Q4_K_M
runtimes = ["llama.cpp"]                # as pinned; "llama.cpp@0.3.30" for one release, "llama.cpp@*" for any
# suites = ["default"]
# hardware = ["workstation 7"]          # further names by which requests may mean this machine

# quiet_hours = ["08:00-18:00"]         # the machine's own time: nothing is measured then
# approval = "manual"                   # each request waits for: repro agent approve ID
# on_battery = false
# most_other_load_percent = 5           # other programs' share of the cores
# most_disk_gib = 50                    # of models, engines and records together
# most_minutes = 120                    # of measuring, for one job
# tolerate = ["swap"]                   # checks of repro doctor that forbid nothing
# stop_file = "~/no-measuring"          # default: agent.stop beside this file

# [files]                               # where a model of `models` lies here
# "my-model" = "/data/my-model.gguf"
"""


def place() -> Path:
    """The policy's usual file."""
    return paths.config() / FILE


def read(path: Path) -> Policy:
    """The policy in the file, whole and usable. Raises `BadInput`: what, where, how to mend it."""
    if not path.exists():
        raise BadInput("there is no policy", where=str(path), fix="write one: repro agent policy --write")
    policy, _ = toml_file.read(path, Policy, "docs/agent.md")
    _refuse_unusable(policy, str(path))
    return policy


def write_example(path: Path) -> None:
    """A policy to begin with. Raises `BadInput` where there is one."""
    if path.exists():
        raise BadInput("there is a policy already", where=str(path), fix="edit it, or name another file")
    made(path.parent)
    write_text(path, EXAMPLE)


def _refuse_unusable(policy: Policy, where: str) -> None:
    """Raises `BadInput` for the first word that means nothing here."""
    unknown = next((name for name in policy.files if name not in policy.models), None)
    if unknown is not None:
        raise BadInput("must be one of models", where=f"{where}: files.{unknown}", fix="add it there, or drop it here")
    if SUITE not in policy.suites:
        what = f"must have {SUITE!r}: every request means that suite, so that nothing would ever be measured"
        raise BadInput(what, where=f"{where}: suites", fix="add it, or leave suites out")
    refuse_unknown(policy.tolerate, f"{where}: tolerate")
    try:
        for name in policy.models:
            models.resolve(policy.files.get(name, name))
        for name in policy.suites:
            suites.load(name)
        for name in policy.runtimes:
            known = split(name.removesuffix(ANY_RELEASE))
            _refuse_runtime(known.name)
    except BadInput as error:
        raise BadInput(f"{name}: {error.what}", where=where, fix=error.fix) from None


def _refuse_runtime(name: str) -> None:
    """Raises `BadInput` for an unknown one, and for one that asks a server: that is not this machine."""
    adapter = find(name)
    if not (adapter.capabilities.holds_model or adapter.capabilities.synthetic):
        raise BadInput("measures a server, not this machine", where="runtimes", fix="take it off the list")
