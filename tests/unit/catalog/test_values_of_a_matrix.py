"""What a matrix's file may not hold is named by the place where it stands and by what may stand there."""

import pytest

from harness.catalog import matrices
from harness.errors import BadInput

HEAD = 'name = "a"\n[{}]\nmodel = "m"\nruntime = "simulated"\n'
TRIPLE = HEAD.format("[triples]")
SWEEP = HEAD.format("sweep") + "[sweep.options]\n"
KINDS = "must be text, a whole number, true or false"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{TRIPLE}options = {{ threads = [1, 2] }}\n", f"triples.0.options.threads: {KINDS}, not a list"),
        (f"{TRIPLE}options = {{ threads = 1.5 }}\n", f"triples.0.options.threads: {KINDS}, not a list"),
        (f"{SWEEP}threads = [1.5, 2]\n", f"sweep.options.threads: {KINDS}, or a list of these"),
        (f"{SWEEP}threads = [[1], 2]\n", f"sweep.options.threads: {KINDS}, or a list of these"),
    ],
)
def test_a_value_of_another_kind_is_told_which_kinds_there_are(tmp_path, text, said):
    path = tmp_path / "matrix.toml"
    path.write_text(text)
    with pytest.raises(BadInput) as error:
        matrices.read(path)
    assert said in str(error.value)
