"""Reading a file that somebody else named: its kind and size come first."""

import os
import socket
from pathlib import Path

import pytest

from harness.errors import BadInput
from harness.files import read_if_there, read_limited, read_text_limited


def test_a_file_up_to_the_limit_is_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"a" * 10)
    assert read_limited(file, 10, "the key") == b"a" * 10
    with pytest.raises(BadInput, match="the key is larger than 9 bytes"):
        read_limited(file, 9, "the key")


def test_a_link_to_a_file_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    (tmp_path / "link").symlink_to(tmp_path / "x")
    assert read_limited(tmp_path / "link", 10, "the key") == b"abc"


def test_a_file_that_says_it_is_empty_is_still_limited() -> None:
    with pytest.raises(BadInput, match="larger than 20 bytes"):
        read_limited(Path("/proc/self/status"), 20, "the key")


def test_a_sparse_file_of_gibibytes_is_refused_by_its_size(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(5 << 30)
    with pytest.raises(BadInput, match="larger than 1000 bytes"):
        read_limited(tmp_path / "large", 1000, "the record")


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/tty", "/dev/full"])
def test_a_device_is_refused(device: str) -> None:
    with pytest.raises(BadInput, match="must be a regular file, this is a device"):
        read_limited(Path(device), 1000, "the record")


def test_a_pipe_without_a_writer_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadInput, match="this is a pipe"):
        read_limited(tmp_path / "pipe", 1000, "the record")


def test_a_folder_and_a_socket_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="this is a folder"):
        read_limited(tmp_path, 1000, "the record")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        with pytest.raises(BadInput, match="this is a socket"):
            read_limited(tmp_path / "s", 1000, "the record")


def test_what_is_not_there_is_said_or_none(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"")
    for missing in (tmp_path / "y", tmp_path / "x" / "y"):
        assert read_if_there(missing, 10, "the key") is None
        with pytest.raises(BadInput, match="there is no such file"):
            read_limited(missing, 10, "the key")


def test_a_name_with_a_null_byte_and_a_ring_of_links_are_one_line_each(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    for path in (Path("a\0b"), tmp_path / "a"):
        with pytest.raises(BadInput, match="can't be read"):
            read_limited(path, 10, "the key")


def test_text_must_be_utf_8(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="must be text in UTF-8"):
        read_text_limited(tmp_path / "x", 10, "the suite")
