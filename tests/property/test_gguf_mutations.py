"""However a header is broken, the answer is a header or one clear line: never a crash, never a long wait."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.catalog import gguf
from harness.errors import BadInput
from tests.support import tiny_gguf

WHOLE = tiny_gguf.build()


@settings(max_examples=3000)
@given(
    edits=st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), min_size=1, max_size=8), cut=st.integers(0, 900)
)
def test_edited_bytes(edits, cut):
    data = bytearray(WHOLE[: len(WHOLE) - cut])
    for place, byte in edits:
        if place < len(data):
            data[place] = byte
    try:
        header = gguf.parse(bytes(data), len(data), Path("mutated.gguf"))
    except BadInput as error:
        assert "\n" not in str(error)
    else:
        assert sum(t.n_bytes for t in header.tensors) <= len(data)


@settings(max_examples=1000)
@given(st.binary(max_size=400))
def test_random_bytes_after_the_magic(tail):
    data = b"GGUF\x03\0\0\0" + tail
    try:
        gguf.parse(data, len(data), Path("random.gguf"))
    except BadInput as error:
        assert "\n" not in str(error)
