"""What an interpreter has installed, in whichever form its metadata is kept."""

from importlib.metadata import version

from harness.worker.packages import packages


def test_wheels_eggs_and_eggs_of_one_file_are_listed(tmp_path, monkeypatch):
    head = "Metadata-Version: 2.1\nName: {}\nVersion: 1.5\n\nA long text.\nVersion: 9\n"
    for name, file in (
        ("Whole", "whole-1.5.dist-info/METADATA"),
        ("Egg", "egg.egg-info/PKG-INFO"),
        ("Old", "old-1.5.egg-info"),
    ):
        place = tmp_path / file
        place.parent.mkdir(exist_ok=True)
        place.write_text(head.format(name))
    monkeypatch.syspath_prepend(tmp_path)
    found = packages()
    assert [found[name] for name in ("whole", "egg", "old")] == ["1.5"] * 3
    assert found["numpy"].split()[0] == version("numpy")
