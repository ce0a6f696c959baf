"""What one workload asks of a trial, as token ids."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorkloadPlan:
    """One workload as token ids. `distinct` is a prompt of the same length for the cache-honesty check, or empty."""

    id: str
    mode: str
    prompt: tuple[int, ...]
    output_tokens: int
    forced: tuple[int, ...] | None = None
    distinct: tuple[int, ...] = ()
    concurrency: int | None = None  # None: one request, timed as such
    history: tuple[int, ...] = ()  # in the cache when the clock starts; the prompt continues it

    @property
    def stamps(self) -> int:
        """Tokens that one trial stamps."""
        return max(self.output_tokens, 1)
