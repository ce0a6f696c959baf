"""From `NAME@VERSION` to a lock with hashes: by pip's resolver and the user's own index, once; the lock is kept."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import BadInput, Interrupted, NotFound, RunFailed, one_line
from harness.files import locked, read_text_limited
from harness.progress import Progress
from harness.run.prepare import kept_locks, lock_file, package_index, steps
from harness.run.prepare.package_index import Answer, Offered
from runtimes import releases
from runtimes.recipes import Recipe
from runtimes.releases import Named

_IMPOSSIBLE = re.compile(r"ResolutionImpossible|No matching distribution found|conflicting dependencies")
# What pip says of the cause, before or after whatever else it calls an error.
_CAUSE = re.compile(
    r"ERROR: (?P<said>Could not find a version that satisfies .*|Cannot install .*|Package .* requires a different Python.*)"
)
_SHOWN = 4  # nearest releases that an error names


def refuse_unknown(asked: Named, recipe: Recipe, backend: str) -> None:
    """What is known without a network. Raises `BadInput` for a recipe without releases, and for one that is too old."""
    package = recipe.distribution(backend)
    if not asked.release:
        raise BadInput("names no release", where=str(asked), fix=f"name one, such as {asked.name}@VERSION")
    if not package:
        raise BadInput(
            f"{asked.name}'s recipe does not say which package a release is of",
            where=f"--runtime {asked}",
            fix=f"take the one that it pins: {asked.name}",
        )
    if recipe.oldest and releases.order(asked.release) < releases.order(recipe.oldest):
        raise BadInput(
            f"the adapter drives {package} from {recipe.oldest} on",
            where=f"--runtime {asked}",
            fix=f"take a newer one: repro runtime list {asked.name} --available",
        )


def ensure(cache: Path, asked: Named, recipe: Recipe, backend: str, progress: Progress) -> Path:
    """The kept lock of a release, resolved now where none is kept.

    Raises `NotFound` for a release that the index does not have, `BadInput` for one that can't be had here, `RuntimeUnavailable`
    where the index can't be asked, `Interrupted` on Ctrl-C. Nothing is kept then.
    """
    refuse_unknown(asked, recipe, backend)
    path = kept_locks.path_of(cache, asked.name, backend, asked.release)
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.with_name(f".{path.name}.busy"), f"another command resolves {asked}"):
        if kept_locks.read(path, recipe, backend, asked.release) is None:
            progress.stage(f"resolving {asked} ({backend}) with pip; once")
            try:
                one = offered(asked, package_index.ask(recipe, backend))
                if one.yanked is not None:
                    progress.remark(f"{asked} was withdrawn by its authors ({one.yanked or 'no reason given'})")
                kept_locks.keep(path, resolve(asked, recipe, backend, path.with_suffix(".log")))
            except KeyboardInterrupt:
                raise Interrupted(f"stopped while resolving {asked}; nothing is kept", where="pip") from None
    return path


def bring(cache: Path, asked: Named, recipe: Recipe, backend: str, file: Path) -> None:
    """Keep a lock that was made elsewhere as that of a release. Raises `BadInput` for a file that is not one."""
    refuse_unknown(asked, recipe, backend)
    text = read_text_limited(file, kept_locks.LIMIT, "the lock")
    fault = kept_locks.fault_of(text, recipe, backend, asked.release)
    if fault:
        raise BadInput(f"the lock {fault}", where=str(file), fix=f"take what repro runtime lock {asked} prints")
    kept_locks.keep(kept_locks.path_of(cache, asked.name, backend, asked.release), text)


def offered(asked: Named, answer: Answer) -> Offered:
    """What the index has of it. Raises `NotFound` where that is nothing, `BadInput` where it can't be had here."""
    found = answer.of(asked.release)
    if found is None:
        if answer.silent is not None:  # the index that did not answer may have it
            raise answer.silent
        alike = [one.release for one in answer.releases if one.usable and one.release.startswith(f"{asked.release}.")]
        shown = alike or [one.release for one in answer.releases if one.usable]
        raise NotFound(
            f"the package index has no release {asked.release}",
            where=f"--runtime {asked}",
            fix=f"take one such as {', '.join(shown[:_SHOWN])}: repro runtime list {asked.name} --available",
        )
    if not found.usable:
        raise BadInput(
            f"{asked.release} can't be had here: {found.fault}",
            where=f"--runtime {asked}",
            fix=f"take another: repro runtime list {asked.name} --available",
        )
    return found


def resolve(asked: Named, recipe: Recipe, backend: str, log: Path) -> str:
    """The lock of a release. What else the environment needs stays as pinned where the release allows it: first all of it,
    then what the recipe names, then whatever fits.
    """
    package, pinned = recipe.distribution(backend), recipe.lock_text(backend) or ""
    version = asked.release + lock_file.local_part(lock_file.version_of(pinned, package))
    wanted = [f"{package}=={version}", *(name for name in recipe.needs if name != package)]
    others = [(name, pin) for name, pin in lock_file.pins(pinned) if name != package]
    trials: tuple[list[str], ...] = (
        [pin for _, pin in others],
        [pin for name, pin in others if name in recipe.needs],
        [],
    )
    log.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for held in trials:
            try:
                report = _report(wanted, held, recipe, backend, Path(scratch), log)
            except steps.StepFailed as error:
                said = log.read_text(errors="replace")
                unanswered = package_index.not_answered(said)
                if unanswered is not None:
                    raise unanswered from error
                if held and _IMPOSSIBLE.search(said):
                    log.unlink()
                    continue
                cause = _CAUSE.search(said)
                why = error.said if cause is None else one_line(cause["said"], 200)
                raise BadInput(
                    f"pip can't resolve it ({why})", where=f"--runtime {asked}", fix=f"the whole log is {log}"
                ) from error
            text = lock_of(report, recipe.backends[backend].without)
            fault = kept_locks.fault_of(text, recipe, backend, asked.release)
            if fault:
                raise BadInput(f"its resolution {fault}", where=f"--runtime {asked}", fix=f"the whole log is {log}")
            return text
    raise AssertionError("the last trial returns or raises")


def _report(
    wanted: list[str], held: list[str], recipe: Recipe, backend: str, scratch: Path, log: Path
) -> Mapping[str, Any]:
    constraints, report = scratch / "held.txt", scratch / "report.json"
    constraints.write_text("".join(f"{line}\n" for line in held))
    command = [*package_index.pip(), "install", "--dry-run", "--ignore-installed", "--report", str(report)]
    command += package_index.sources(recipe, backend)
    if recipe.built:
        command += ["--no-binary", recipe.built]
    steps.run([*command, "--constraint", str(constraints), *wanted], log, {}, None)
    found = json.loads(report.read_text())
    if not isinstance(found, Mapping):
        raise RunFailed("pip's report can't be read", where="pip", fix="use a newer pip: python -m pip install -U pip")
    return found


def lock_of(report: Mapping[str, Any], without: tuple[str, ...] = ()) -> str:
    """The lock that pip's installation report amounts to (PyPA, "Installation Report", version 1).

    Raises `BadInput` where a file has no sha256, or was named by its address rather than found in an index.
    """
    pinned = []
    for item in report.get("install", []):
        name = re.sub(r"[-_.]+", "-", str(item["metadata"]["name"])).lower()
        if name in without:
            continue
        info = item["download_info"].get("archive_info") or {}
        hashes = info.get("hashes") or dict([str(info.get("hash", "")).partition("=")[::2]])
        digest = str(hashes.get("sha256", ""))
        if item.get("is_direct") or re.fullmatch(r"[0-9a-f]{64}", digest) is None:
            why = "comes from an address of its own" if item.get("is_direct") else "has no sha256"
            raise BadInput(
                f"{one_line(name, 80)} {why}: it can't be pinned", where="pip", fix="take an index with digests"
            )
        pinned.append((name, str(item["metadata"]["version"]), digest))
    return lock_file.written(pinned)
