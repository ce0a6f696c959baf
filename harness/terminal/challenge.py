"""A challenge: issued where the registry's key is kept, or asked of its service by the operator who is to use it."""

from __future__ import annotations


def issued(target: str | None, handle: str, days: int) -> tuple[str, str]:
    """The number, and the UTC time of its end. Raises `BadInput`."""
    from harness.errors import NotAllowed
    from harness.registry.actions import acts
    from harness.registry.remote.registry import Remote
    from harness.terminal.keys import key_of
    from harness.terminal.registry_option import as_operator, open_for_writing

    opened = open_for_writing(target)
    if not isinstance(opened, Remote):
        return acts.challenge(opened, key_of(opened), handle, days)
    own = as_operator().handle
    if own != handle:
        raise NotAllowed(
            f"a service issues a challenge to who asks, and your keys are {own}'s",
            where="--handle",
            fix=f"--handle {own}",
        )
    return opened.challenge()
