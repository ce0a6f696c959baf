"""safetensors headers, and folders that could run code."""

import json
import struct

import pytest

from harness.catalog import safetensors
from harness.errors import BadInput


def build(header, data=b"\0" * 16):
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + data


GOOD = {"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}


def test_a_good_header_is_read(tmp_path):
    path = tmp_path / "m.safetensors"
    path.write_bytes(build(GOOD))
    header = safetensors.read(path)
    assert [(t.name, t.type, t.shape, t.n_bytes) for t in header.tensors] == [("a", "F32", (2, 2), 16)]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 8,
        build(GOOD)[:-1],
        build(GOOD, b"\0" * 20),
        build({"a": {"dtype": "F99", "shape": [4], "data_offsets": [0, 16]}}),
        build({"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 16]}}),
        build({"a": {"dtype": "F32", "shape": [-4], "data_offsets": [0, 16]}}),
        build({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0]}}),
        build({"a": {"dtype": ["F32"], "shape": [4], "data_offsets": [0, 16]}}),
        build(b'{"a": 1, "a": 2}'),
        build(b"[1, 2]"),
        build(b"{" * 50),
    ],
)
def test_a_bad_header_is_refused_in_one_line(tmp_path, data):
    path = tmp_path / "m.safetensors"
    path.write_bytes(data)
    with pytest.raises(BadInput) as caught:
        safetensors.read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("modeling.py", b"print()", "Python"),
        ("pytorch_model.bin", b"x", "pickle"),
        ("MODEL.BIN", b"x", "pickle"),
        ("evil.PY", b"x", "Python"),
        ("config.json", b'{"text_config": {"auto_map": {}}}', "auto_map"),
        ("config.json", b'{"a":' * 100_000, "is not JSON"),
        ("config.json", b'{"auto_map": {"AutoModel": "x.Y"}}', "auto_map"),
        ("config.json", b"{", "is not JSON"),
    ],
)
def test_a_folder_that_could_run_code_is_refused(tmp_path, name, content, words):
    (tmp_path / "m.safetensors").write_bytes(build(GOOD))
    assert len(safetensors.check_folder(tmp_path)) == 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=words):
        safetensors.check_folder(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "read"),
    [
        ("modeling.py", b"raise SystemExit", True),
        ("config.json", b'{"auto_map": {"AutoModel": "x.Y"}}', True),
        ("pytorch_model.bin", b"x", False),
        ("config.json", b"{", False),
    ],
)
def test_what_no_engine_gets_may_name_code_and_is_read(tmp_path, name, content, read):
    (tmp_path / "m.safetensors").write_bytes(build(GOOD))
    (tmp_path / name).write_bytes(content)
    if read:
        assert len(safetensors.check_folder(tmp_path, to_run=False)) == 1
    else:
        with pytest.raises(BadInput):
            safetensors.check_folder(tmp_path, to_run=False)
    with pytest.raises(BadInput):
        safetensors.check_folder(tmp_path)


def test_a_folder_without_weights_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"no \.safetensors file"):
        safetensors.check_folder(tmp_path)
