"""The releases of a package that the user's own index has, by pip: its configuration, its network, its rules for this Python."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from harness.errors import NotFound, RuntimeUnavailable, one_line
from harness.run.prepare import lock_file
from runtimes import releases
from runtimes.recipes import Recipe

# What pip says when it could not ask: beside it an empty answer means nothing.
_NO_ANSWER = re.compile(
    r"Retrying \(Retry|connection error:|connection broken by|Max retries exceeded|There was a problem confirming the ssl|"
    r"(?:401|403|407|429|5\d\d) (?:Client|Server) Error"
)
_UNREACHED = re.compile(r"Caused by (?P<cause>\w+)|(?P<status>(?:401|403|407|429|5\d\d) (?:Client|Server) Error)")
_FETCHED = re.compile(r"Could not fetch URL (?P<url>https?://\S+?): (?!404)")
_FOUND = re.compile(r"^\s*Found link (?P<url>\S+).*?, version: (?P<version>\S+)$")
_YANKED = re.compile(r"^\s*Skipping link: yanked for reason: (?P<why>.*?): (?P<url>(?:https?|file)://\S+)")
_PYTHON = re.compile(r"^\s*Skipping link: \S+ Requires-Python (?P<why>.*?): (?P<url>(?:https?|file)://\S+)")
_OLD_PYTHON = re.compile(
    r"^\s*Link requires a different Python \(\S+ not in: '(?P<why>[^']*)'\): (?P<url>(?:https?|file)://\S+)"
)
_UNFIT = re.compile(
    r"^\s*Skipping link: (?:none of the wheel's tags|No binaries permitted|No sources permitted).*?: "
    r"(?P<url>(?:https?|file)://\S+)"
)


@dataclass(frozen=True, slots=True)
class Offered:
    """One release as the index has it. `fault` says why pip would not take it by itself; "" where nothing is against it."""

    release: str
    usable: bool  # this Python on this machine can have it
    yanked: str | None = None  # the authors' reason
    fault: str = ""

    @property
    def prerelease(self) -> bool:
        """Whether it is no final release."""
        return releases.is_prerelease(self.release)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the indexes have, the newest first; `silent` is the error of one that could not be asked beside those that could."""

    releases: tuple[Offered, ...]
    silent: RuntimeUnavailable | None = None

    def of(self, release: str) -> Offered | None:
        """The release of exactly that name."""
        return next((one for one in self.releases if one.release == release), None)


def pip() -> list[str]:
    """The command of this interpreter's pip. Raises `RuntimeUnavailable` where it has none."""
    if importlib.util.find_spec("pip") is None:
        raise RuntimeUnavailable(
            "the environment of repro has no pip, which asks the package index",
            where=sys.executable,
            fix=f"run: {sys.executable} -m ensurepip",
        )
    return [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--retries", "1"]


def sources(recipe: Recipe, backend: str) -> list[str]:
    """Pip's options for where to look: the user's configuration, and beside it only what the recipe itself brings."""
    if recipe.wheels:
        return ["--no-index", "--find-links", str(recipe.wheels)]
    lock = recipe.lock_text(backend) or ""
    apart = any(lock_file.local_part(lock_file.version_of(lock, name)) for name in recipe.indexed)
    return ["--extra-index-url", recipe.index] if apart and recipe.index else []


def ask(recipe: Recipe, backend: str) -> Answer:
    """All releases of the distribution that `NAME@VERSION` is of.

    Raises `RuntimeUnavailable` where the index can't be asked, `NotFound` where it has no such package.
    """
    package = recipe.distribution(backend)
    command = [*pip(), "-vv", "index", "versions", "--pre", *sources(recipe, backend), package]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    said = f"{done.stdout}\n{done.stderr}"
    local = lock_file.local_part(lock_file.version_of(recipe.lock_text(backend) or "", package))
    found = parse(said.splitlines(), package, local, built=package == recipe.built)
    if not found:
        raise not_answered(said) or NotFound(
            f"the package index has no {package}{' for ' + local[1:] if local else ''}",
            where=package,
            fix="check pip's configuration: pip config list",
        )
    return Answer(tuple(found), not_answered(said))


def not_answered(said: str) -> RuntimeUnavailable | None:
    """The error where pip's words show that an index could not be asked; None where they don't."""
    if _NO_ANSWER.search(said) is None:
        return None
    why, place = _UNREACHED.search(said), _FETCHED.search(said)
    host = "" if place is None else urlsplit(place["url"]).hostname or ""
    told = [host, "" if why is None else why["cause"] or why["status"]]
    reason = ", ".join(part for part in told if part)
    return RuntimeUnavailable(
        f"the package index can't be asked{f' ({one_line(reason, 120)})' if reason else ''}",
        where="pip",
        fix="check network and proxy, or pip's configuration: pip config list",
        code="no package index",
    )


def parse(lines: Sequence[str], package: str, local: str = "", *, built: bool = False) -> list[Offered]:
    """Pip's account of an index, at its verbosity 2, as releases. Of builds with a `local` part (+cpu) only those count, and of
    what is `built` here only sources.
    """
    found: dict[str, Offered] = {}
    for line in lines:
        for pattern, usable, words in (
            (_FOUND, True, ""),
            (_YANKED, True, "yanked"),
            (_PYTHON, False, "needs Python"),
            (_OLD_PYTHON, False, "needs Python"),
            (_UNFIT, False, "no file for this Python and system"),
        ):
            match = pattern.match(line)
            if match is None:
                continue
            given = match.groupdict()
            version = given.get("version") or version_in(given["url"], package)
            release, _, part = version.partition("+")
            if not releases.is_release(release) or (local and f"+{part}" != local):
                continue
            if built and given["url"].partition("#")[0].endswith(".whl"):
                usable, words = False, "no source to build from"
            why = one_line(given.get("why") or "", 120)
            one = Offered(release, usable, why if words == "yanked" else None, f"{words} {why}".strip())
            known = found.get(release)
            if known is None or _rank(one) > _rank(known):
                found[release] = one
    return sorted(found.values(), key=lambda one: releases.order(one.release), reverse=True)


def _rank(one: Offered) -> tuple[bool, bool, bool]:
    """Of several files of one release: any that can be had counts before those that can't."""
    return one.usable, one.yanked is None, one.fault.startswith("needs")


def version_in(url: str, package: str) -> str:
    """The version in the name of a file: `0.2.8` of `…/llama_cpp_python-0.2.8.tar.gz`; "" where there is none."""
    name = unquote(url.partition("#")[0].rpartition("/")[2])
    stem = re.sub(r"\.(?:tar\.gz|tar\.bz2|zip|tgz|whl)$", "", name)
    project = "[-_.]+".join(re.escape(part) for part in re.split(r"[-_.]+", package))
    match = re.match(rf"{project}-([^-]+)(?:-|$)", stem, re.IGNORECASE)
    return "" if match is None else match[1]
