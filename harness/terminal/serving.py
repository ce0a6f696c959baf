"""What `repro serve` opens: a registry with its key, and the site that is built beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from harness.registry.store import Registry
    from harness.site.build import Built


@contextmanager
def opened(target: str | None) -> Iterator[tuple[Registry, Ed25519PrivateKey]]:
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
                found = stack.enter_context(copied(place, progress))
            yield found
        return
    registry = open_for_writing(place)
    if registry.elsewhere:
        raise BadInput(
            "is served already, by another machine", where=place, fix="name the folder or database where it is kept"
        )
    yield registry, key_of(registry)


@contextmanager
def kept_site(registry: Registry, folder: Path | None) -> Iterator[Path | None]:
    """The site in the folder, built beside the service and again when the registry changes. Raises `BadInput` for the folder."""
    if folder is None:
        yield None
        return
    from harness.errors import ReproError
    from harness.files import refusal
    from harness.site import serve
    from harness.site.build import Wish
    from harness.terminal.console import err
    from harness.terminal.days import day_of
    from harness.terminal.registry_option import say

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refusal(error, folder) from error
    wish, stop = Wish(registry.target, folder, day_of(None), None, None, False), Event()

    def told(made: Built | ReproError) -> None:
        if isinstance(made, ReproError):
            err().print(f"site not built: {made}", markup=False)
        else:
            say(made.left_out)

    thread = Thread(target=serve.keep, args=(wish, None, stop, told), daemon=True)
    thread.start()
    try:
        yield folder
    finally:
        stop.set()
        thread.join()
