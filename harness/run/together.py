"""One bar for several runs that take turns: what each of them tells of itself, as a part of the whole."""

from __future__ import annotations

from harness.progress import Progress


class Together:
    """Hands each run a `Progress` of its own. Until `measuring` is set, the runs are prepared: what they all say is said once."""

    def __init__(self, progress: Progress, runs: int) -> None:
        self.measuring = False
        self._progress, self._runs = progress, runs
        self._said: set[str] = set()
        self._parts: dict[int, tuple[int, int]] = {}

    def of(self, place: int, label: str) -> Progress:
        """For the run at `place`, from 0, which is called `label`."""
        return _Part(self, place, label)

    def failed(self, label: str, error: str) -> None:
        """That run came to nothing."""
        self._progress.remark(f"{label}: {error}")

    def stage(self, text: str) -> None:
        """A step of any run; a line that was said before is not said again."""
        if text not in self._said:
            self._said.add(text)
            self._progress.stage(text)

    def remark(self, label: str, text: str) -> None:
        """Of one run."""
        if self.measuring:
            self._progress.remark(f"{label}: {text}")
        elif text not in self._said:
            self._said.add(text)
            self._progress.remark(text)

    def advance(self, place: int, label: str, text: str, done: int, total: int) -> None:
        """While measuring, the sum over all runs; those that said nothing yet will be as long as this one."""
        if not self.measuring:
            self._progress.advance(text, done, total)
            return
        self._parts[place] = (done, total)
        missing = self._runs - len(self._parts)
        whole = sum(one for _, one in self._parts.values()) + missing * total
        self._progress.advance(f"{label}: {text}", sum(one for one, _ in self._parts.values()), whole)


class _Part:
    def __init__(self, together: Together, place: int, label: str) -> None:
        self._together, self._place, self._label = together, place, label

    def stage(self, text: str) -> None:
        """See `Progress`."""
        self._together.stage(text)

    def advance(self, text: str, done: int, total: int) -> None:
        """See `Progress`."""
        self._together.advance(self._place, self._label, text, done, total)

    def remark(self, text: str) -> None:
        """See `Progress`."""
        self._together.remark(self._label, text)
