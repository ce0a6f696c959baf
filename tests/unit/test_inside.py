"""A value that becomes a file's name leads nowhere else."""

from pathlib import Path

import pytest

from harness.errors import RecordInvalid
from harness.inside import PATH_LIMIT, inside, proper, refuse_links

BAD = [
    "../../x", "/tmp/x", "a/../b", "a//b", "a/", "", ".", "..", ".hidden", "a/.git/x", "a\0b", "a\nb", "a\\b", "c:x", "con", "CON",
    "nul.html", "operators/con.html", "a/LPT1", "x" * 121, "/".join(["abc"] * (PATH_LIMIT // 4 + 1)), "é.html", "a b", "ends.",
    "-rf", "~root", "a%2fb",
]  # fmt: skip
GOOD = [
    "index.html",
    "operators/ann.html",
    "log/tile/0/x001/067.p/3",
    "rows/0123456789abcdef/network.svg",
    "a_b-c.d",
    "console",
]


@pytest.mark.parametrize("name", BAD)
def test_a_name_that_leads_elsewhere_or_is_none_is_refused(tmp_path, name):
    assert not proper(name)
    with pytest.raises(RecordInvalid, match="can't name a file") as caught:
        inside(tmp_path, name, "here")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", GOOD)
def test_a_plain_name_stands_below_its_folder(tmp_path, name):
    assert inside(tmp_path, name, "here") == tmp_path / name


@pytest.mark.parametrize("link", ["a", "a/b", "a/b/c"])
def test_a_link_on_the_way_is_refused_and_one_above_the_folder_is_not(tmp_path, link):
    folder = tmp_path / "real"
    (folder / link).parent.mkdir(parents=True)
    (folder / link).symlink_to(tmp_path)
    with pytest.raises(RecordInvalid, match="is a link"):
        refuse_links(folder, folder / "a" / "b" / "c")
    (tmp_path / "above").symlink_to(folder)
    refuse_links(tmp_path / "above", Path(tmp_path / "above" / "x"))
