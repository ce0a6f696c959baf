"""The addresses of the console."""

from __future__ import annotations

from fastapi import FastAPI

from harness.service.console import acting, pages, signing_in
from harness.service.core import Service


def add(app: FastAPI, service: Service) -> None:
    """All of them, each guarded by its row of `permissions.TABLE`."""
    signing_in.routes(app, service)
    pages.routes(app, service)
    acting.routes(app, service)
