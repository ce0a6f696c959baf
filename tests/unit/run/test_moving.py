"""An environment that was made aside works where it is moved to."""

import subprocess
import sys

from harness.run.prepare import moving


def test_a_moved_environment_runs_its_scripts_and_its_interpreter(tmp_path):
    made, place = tmp_path / "making" / "cpu-1", tmp_path / "cpu-1"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", made], check=True)
    tool = made / "bin" / "tool"
    tool.write_text(f"#!{made}/bin/python\nimport sys\nprint(sys.prefix)\n")
    tool.chmod(0o755)
    binary = made / "bin" / "binary"
    binary.write_bytes(b"\0ELF " + str(made).encode())
    place.mkdir()
    (place / "half").write_text("from before")
    moving.move(made, place)
    assert not made.exists()
    assert not (place / "half").exists()
    told = subprocess.run([place / "bin" / "tool"], capture_output=True, text=True, check=True).stdout.strip()
    assert told == str(place)
    assert str(made) not in (place / "bin" / "activate").read_text()
    assert (place / "bin" / "binary").read_bytes() == b"\0ELF " + str(made).encode()
