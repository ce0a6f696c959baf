"""What `repro serve` opens: a registry with its key, and the site that is built beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from harness.demo.kept import Ahead
    from harness.registry.store import Registry
    from harness.service.core import Service
    from harness.site.keeper import Keeper


@contextmanager
def begun(target: str | None) -> Iterator[Ahead | None]:
    """Of an exported demonstration: its database, which is made meanwhile where it is not kept. None of any other registry."""
    from harness.demo.kept import ahead
    from harness.terminal.registry_option import named

    with ahead(Path(named(target))) as found:
        yield found


@contextmanager
def opened(target: str | None, ahead: Ahead | None = None) -> Iterator[tuple[Registry, Ed25519PrivateKey]]:
    """The registry's database, and its key; of an exported demonstration a copy. Raises `BadInput`."""
    from harness.errors import BadInput
    from harness.registry.opening import is_export
    from harness.terminal.keys import key_of
    from harness.terminal.progress import shown
    from harness.terminal.registry_option import named, open_for_writing

    place = named(target)
    if is_export(place):
        from harness.demo.serving import copied

        with ExitStack() as stack:
            with shown(lines=False) as progress:
                found = stack.enter_context(copied(place, progress, ahead))
            yield found
        return
    registry = open_for_writing(place)
    if registry.elsewhere:
        raise BadInput(
            "is served already, by another machine", where=place, fix="name the folder or database where it is kept"
        )
    yield registry, key_of(registry)


def visitors_editors(target: str | None, registry: Registry, port: int) -> Callable[[Registry, str], int] | None:
    """Of a demonstration that is served as a copy: how a visitor becomes one of its editors; passkeys count at this port then."""
    from harness.registry.opening import is_export
    from harness.terminal.registry_option import named

    if not is_export(named(target)):
        return None
    from harness.demo import console

    console.allow(registry, port)
    return console.enrol


def key_again(registry: Registry) -> Callable[[], Ed25519PrivateKey]:
    """What finds the registry's key after the log has rotated it: in the files, where the command put it."""
    from harness.terminal.keys import key_of

    return lambda: key_of(registry)


@contextmanager
def builder(folder: Path | None, *, at_once: bool = True) -> Iterator[Keeper | None]:
    """The process that will build the site in the folder; `at_once`: it loads already. Raises `BadInput` for the folder."""
    if folder is None:
        yield None
        return
    from harness.site.folder import usable
    from harness.site.keeper import Keeper

    usable(folder)
    keeper = Keeper(at_once=at_once)
    try:
        yield keeper
    finally:
        keeper.stop()


@contextmanager
def kept_site(service: Service, keeper: Keeper | None, base_url: str | None = None) -> Iterator[None]:
    """Meanwhile the service's site is built whenever the registry changes."""
    folder = service.settings.site
    if keeper is None or folder is None:
        yield
        return
    from harness.site.folder import Wish
    from harness.site.keeper import Told
    from harness.terminal.days import day_of

    def told(one: Told) -> None:
        for line in one.left_out:
            service.log("a record is left out", level="warning", line=line)
        if one.code:
            service.log("site not built", level="error", code=one.code, line=one.line)
            return
        service.metrics.site_builds.observe(one.seconds)
        numbers = {"rows": one.rows, "made": one.made, "files": one.files, "removed": one.removed}
        service.log("site built", level="info", entries=one.entries, duration_s=one.seconds, **numbers)

    keeper.follow(Wish(service.registry.target, folder, day_of(None), base_url=base_url), told)
    service.changed = keeper.wake
    try:
        yield
    finally:
        keeper.stop()
