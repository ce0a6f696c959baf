"""The option that names a registry, and what a command may do with one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from harness.registry.actions.acts import Actor
    from harness.registry.queries import Reader
    from harness.registry.queries.believed import Doubt
    from harness.registry.store import Registry

VARIABLE = "REPRO_REGISTRY"


def registry_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--registry`, or the variable."""
    return click.option(
        "--registry",
        "target",
        envvar=VARIABLE,
        metavar="PLACE",
        help=f"Registry: a folder, a postgresql:// URL, or the https:// URL of its service; default: ${VARIABLE}.",
    )(command)


def open_for_reading(target: str | None) -> Registry:
    """The registry, from its database or from exported files. Raises `BadInput`; one that forgot history is refused."""
    from harness.registry.reading import open_registry
    from harness.registry.remote.address import is_url
    from harness.terminal.progress import shown
    from harness.terminal.remote import open_remote

    place = named(target)
    if is_url(place):
        return open_remote(place)
    with shown(lines=False) as progress:
        return open_registry(place, progress)


def open_for_editors(target: str | None) -> Registry:
    """As `open_for_reading`; over a URL the service itself, which tells an editor what is not public."""
    from harness.registry.remote.address import is_url
    from harness.terminal.remote import open_remote

    place = named(target)
    return open_remote(place) if is_url(place) else open_for_reading(place)


def open_public(target: str | None) -> Registry:
    """As `open_for_reading`; of a registry behind a URL a copy of all that is public. Raises as `mirrored`."""
    from harness.registry.reading import open_registry
    from harness.terminal.progress import shown

    with shown(lines=False) as progress:
        return open_registry(named(target), progress)


@contextmanager
def reading(
    registry: Registry, rows: Collection[str] | None = None, keep: Collection[str] = ()
) -> Iterator[tuple[Reader, list[Doubt]]]:
    """As `believed.reading`, with a bar on a terminal while records are verified: the first time that may be many."""
    from harness.registry.queries import believed
    from harness.terminal.progress import shown

    with ExitStack() as stack:
        with shown(lines=False) as progress:
            found = stack.enter_context(believed.reading(registry, rows, progress, keep))
        yield found


def open_for_writing(target: str | None) -> Registry:
    """The registry's database. Raises `BadInput`, for exported files, too: they are for reading."""
    from harness.errors import BadInput
    from harness.registry.exchange import last_seen
    from harness.registry.opening import is_export, open_database
    from harness.registry.remote.address import is_url
    from harness.terminal.remote import open_remote

    place = named(target)
    if is_url(place):
        return open_remote(place)
    if is_export(place):
        raise BadInput(
            "contains exported files, which are read-only",
            where=place,
            fix=f"repro registry import {place} --registry FOLDER",
        )
    registry = open_database(place)
    last_seen.look(registry, last_seen.folder())
    return registry


def open_database_here(target: str | None) -> Registry:
    """The database itself, for what is the host's own business. Raises `BadInput` for a URL or exported files."""
    from harness.errors import BadInput

    registry = open_for_writing(target)
    if registry.elsewhere:
        raise BadInput(
            "is served by another machine",
            where=named(target),
            fix="run it where the database is: name folder or postgresql://",
        )
    return registry


def named(target: str | None) -> str:
    """The place that was given. Raises `BadInput` where none was."""
    from harness.errors import BadInput

    if not target:
        raise BadInput("must name a registry", where="--registry", fix=f"name a folder or URL, or set {VARIABLE}")
    return target


def say(left_out: Iterable[Doubt]) -> None:
    """A line on standard error for each record that does not hold."""
    from harness.terminal.console import err

    for one in left_out:
        err().print(one.line, markup=False, highlight=False, soft_wrap=True)


def as_operator() -> Actor:
    """The operator whose keys are here. Raises `BadInput`."""
    from harness.registry.actions.acts import Actor
    from harness.terminal.keys import operator_keys

    found = operator_keys()
    return Actor(found.public.handle, (found.operator,))


def as_editor() -> Actor:
    """The editor whose keys are here. Raises `BadInput`."""
    from harness.registry.actions.acts import Actor
    from harness.terminal.keys import editor_keys

    found = editor_keys()
    return Actor(found.public.handle, (found.key,))
