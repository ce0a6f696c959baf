"""docs/wire.md says of every column what the schemas say."""

import pytest

from tests.support.wire_tables import PAGE, TABLES, markdown


@pytest.mark.parametrize("title", sorted(TABLES))
def test_the_page_has_every_column_with_its_unit(title):
    assert markdown(title, TABLES[title]) in PAGE.read_text(), "run: python -m tests.support.wire_tables"
