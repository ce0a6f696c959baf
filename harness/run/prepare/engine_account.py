"""What an engine says that it loaded, held against the file that the record will name and against what it said before. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.catalog.identity import Identity
from harness.device_kinds import SERVERS
from harness.errors import BadInput, RunFailed

SERVED_LIMIT = 0.05  # between a server's counts and the file's header
OWN_LIMIT = (
    0.25  # in our own process: an engine may leave out a tower, or count a tied table twice; another model it is not
)
_SAME = ("engine", "version", "commit", "model", "served")


@dataclass(slots=True)
class Told:
    """The facts of one run's processes, as each is heard."""

    identity: Identity
    _first: Mapping[str, Any] = field(default_factory=dict)

    def hear(self, facts: Mapping[str, Any]) -> None:
        """Raises `BadInput` where the engine holds another model than the file, `RunFailed` where it became another engine."""
        found = contradiction(self.identity, facts)
        if found:
            raise BadInput(
                f"the engine says that it holds {found}",
                where=self.identity.file,
                fix="name the file that it has loaded as --model",
                code="another model",
            )
        for name in _SAME:
            if self._first and facts.get(name) != self._first.get(name):
                raise RunFailed(
                    f"{name} was {_short(self._first.get(name))} and is now {_short(facts.get(name))}",
                    where="engine",
                    fix="measure one engine with one model from beginning to end",
                    code="engine changed",
                )
        self._first = self._first or dict(facts)


def contradiction(identity: Identity, facts: Mapping[str, Any]) -> str:
    """`268,098,176 parameters, the file 1,235,814,432`; "" where nothing that is told contradicts the file."""
    told: Mapping[str, Any] = facts.get("model", {})
    served = bool(SERVERS & {str(device.get("kind")) for device in facts.get("devices", ())})
    limit = SERVED_LIMIT if served else OWN_LIMIT
    weights = sum(identity.tensor_bytes.values())
    pairs = [("parameters", told.get("parameters"), identity.parameters)]
    if identity.format == "gguf":  # other formats are loaded in other types than they are stored in
        pairs.append(("bytes of weights", told.get("weights_bytes", told.get("size_bytes")), weights))
    for name, theirs, ours in pairs:
        if isinstance(theirs, int) and theirs > 0 and ours and abs(theirs - ours) > limit * ours:
            return f"{theirs:,} {name}, the file {ours:,}"
    trained, label = told.get("context_trained"), told.get("quantisation")
    if served and trained and identity.context_trained and trained != identity.context_trained:
        return f"a model trained for {trained:,} tokens, the file's for {identity.context_trained:,}"
    if served and identity.format == "gguf" and label and str(label).upper() != identity.quantisation.upper():
        return f"{label}, the file is {identity.quantisation}"
    return ""


def _short(value: Any) -> str:
    text = str(dict(value) if isinstance(value, Mapping) else value)
    return text if len(text) <= 80 else text[:79] + "…"
