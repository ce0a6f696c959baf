"""What an installation for measuring alone leaves out, and the one line that says how to add it.

Standard library only. `pyproject.toml` has the packages of each extra; what measures, shows, verifies and compares needs none.
"""

from __future__ import annotations

from importlib.util import find_spec

from harness.errors import BadInput

# Extra → what it is imported as. An extra that builds on another one names that one's modules, too.
_REGISTRY = ("sqlalchemy", "alembic", "httpx2", "http_message_signatures")
EXTRAS: dict[str, tuple[str, ...]] = {
    "frames": ("pandas",),
    "registry": _REGISTRY,
    "site": _REGISTRY,
    "service": ("fastapi", "starlette", "uvicorn", "python_multipart", "prometheus_client", "structlog", *_REGISTRY),
    "postgresql": ("psycopg", *_REGISTRY),
    "png": ("resvg_py",),
    "telemetry": ("opentelemetry.exporter.otlp.proto.http", "opentelemetry.sdk"),
}


class MissingExtra(BadInput):
    """A package that only some parts of the program need is not installed."""


def needs(extra: str, where: str) -> None:
    """Say early that `where` cannot work without the packages of `extra`. Raises `MissingExtra`; nothing is imported."""
    for module in EXTRAS[extra]:
        if not _installed(module):
            raise missing(extra, module, where)


def missing(extra: str, module: str, where: str) -> MissingExtra:
    """The one line, with the command that mends it."""
    return MissingExtra(
        f"needs the package {module}, which is not installed",
        where=where,
        fix=f"run: pip install 'repro-harness[{extra}]'",
    )


def of_module(name: str | None) -> tuple[str, str] | None:
    """The extra that brings the module `name` or one inside it, and that module's package; None where it is of no extra."""
    package = (name or "").partition(".")[0]
    roots = ((extra, {one.partition(".")[0] for one in modules}) for extra, modules in EXTRAS.items())
    return next(((extra, package) for extra, modules in roots if package in modules), None)


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # something on the way forbids it, or a stub without a spec is in its place
        return False
