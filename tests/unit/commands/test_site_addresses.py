"""The public address of a site: what no page can begin with is refused before anything is built or served."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from harness.commands.registry_publish import publish
from harness.commands.serve import serve
from harness.errors import BadInput


@pytest.mark.parametrize("command", [serve, publish])
@pytest.mark.parametrize(
    "address",
    [
        "",
        "example.org",
        "javascript:alert(1)",
        "https://",
        "https://a b",
        "https://x/?q",
        "https://x/#f",
        "https://u:p@x",
        "https://[x",
    ],
)
def test_what_is_no_address_is_refused(command, address, tmp_path):
    done = CliRunner().invoke(command, ["--registry", str(tmp_path / "none"), "--base-url", address])
    assert isinstance(done.exception, BadInput), done.output
    assert "must be an address" in str(done.exception)
