"""Whether somebody computes on an AMD GPU is told by its driver; whether a machine runs on its battery, on any system."""

from types import SimpleNamespace

import psutil

from harness.agent import conditions
from harness.agent.policy import Policy
from harness.capture import doctor
from harness.capture.host import battery
from harness.capture.source import Source, Tree


def card(root, number, percent):
    folder = root / f"sys/class/drm/card{number}/device"
    folder.mkdir(parents=True)
    (folder / "gpu_busy_percent").write_text(f"{percent}\n")


def test_the_busiest_card_counts_and_a_machine_without_one_tells_nothing(tmp_path):
    assert doctor.busy_percent(Tree(tmp_path)) is None
    card(tmp_path, 0, 3)
    assert doctor.busy_percent(Tree(tmp_path)) == 3
    card(tmp_path, 1, 97)
    assert doctor.busy_percent(Tree(tmp_path)) == 97
    assert (doctor._busy(97).level, doctor._busy(3).level) == ("bad", "ok")


def test_a_laptop_that_is_no_linux_says_when_it_runs_on_its_battery(monkeypatch, tmp_path):
    monkeypatch.setattr(psutil, "sensors_battery", lambda: SimpleNamespace(power_plugged=False), raising=False)
    mac = Source(tree=Tree(tmp_path), system="Darwin", machine="arm64")
    assert battery(mac).value is True
    monkeypatch.setattr(conditions, "this_machine", lambda: mac)
    own = Policy(models=["m"], runtimes=["simulated"])
    assert conditions.halted(own, conditions.now(own)) == "the machine runs on its battery"
