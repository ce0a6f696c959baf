"""An editor's next key takes the place of the present one in the list."""

from __future__ import annotations

from typing import Any

from harness.errors import BadInput, NotFound
from harness.record.editor_keys import PublicEditor
from harness.registry.actions.acts import Actor, act
from harness.registry.actions.create import document
from harness.registry.actions.editors import editors_of
from harness.registry.facts import EditorKeys
from harness.registry.facts.stored import dump
from harness.registry.store import Registry


def entry_of(registry: Registry, handle: str) -> EditorKeys:
    """How the list knows the editor. Raises `NotFound`."""
    found = editors_of(registry).document.editors.get(handle)
    if found is None:
        raise NotFound(
            f"{handle} is not an editor of this registry", where="editors", fix="see: repro registry editors"
        )
    return found


def with_key(registry: Registry, made: PublicEditor) -> dict[str, Any]:
    """The next version of the list, in which the editor has this key; all else, its last day too, as it is."""
    present = dump(editors_of(registry).document)
    people = {**present["editors"], made.handle: made.entry()}
    return document(present["version"] + 1, present["threshold"], present["expires"], people)


def rotate(registry: Registry, actor: Actor, made: PublicEditor, reason: str) -> int:
    """Where one editor may change the list; the entry. Raises why it may not be."""
    if editors_of(registry).document.threshold > 1:
        raise BadInput(
            "other editors must sign, too",
            where="--out",
            fix="give --out FILE; then: cosign, apply, and this command again",
        )
    detail = {"editors": with_key(registry, made)}
    return act(registry, actor, "editors-changed", "editors", reason=reason, detail=detail).entry.index
