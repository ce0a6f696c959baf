"""A request names no suite and means the default one: whoever sends a record of another for it is told."""

from hashlib import sha256

import pytest

from harness.catalog import suites
from harness.registry.intake.asked import SUITE
from harness.terminal.submissions import of_another_suite
from tests.support import program


@pytest.mark.parametrize(("name", "told"), [(SUITE, ""), ("quick", "an editor decides"), ("", "an editor decides")])
def test_a_record_of_another_suite_is_told_of(simulated_record, tmp_path, name, told):
    """A suite of one's own may have any name: its digest tells."""
    kept = program.copied(simulated_record.parent, tmp_path / "record")
    digest = suites.load(name).sha256 if name else sha256(b"mine").hexdigest()
    program.edited(kept, lambda predicate: predicate["suite"].update(sha256=digest, name=name or SUITE))
    said = of_another_suite(kept)
    assert (told in said) if told else not said
