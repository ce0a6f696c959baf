"""The doctor's advice."""

import ast
import inspect
from dataclasses import replace

import pytest

from harness.capture import doctor
from harness.capture.doctor import Observed, examine, worst
from harness.capture.facts import known, unknown
from harness.capture.load import Between
from harness.capture.snapshot import capture


@pytest.fixture(scope="module")
def healthy():
    seen = capture()
    cpu = replace(seen.cpu, governor=known("performance"))
    host = replace(seen.host, virtualisation=known("none"), clock_source=known("tsc"))
    memory = replace(seen.memory, available_bytes=known(8 << 30), swap_used_bytes=known(0))
    return Observed(replace(seen, cpu=cpu, host=host, memory=memory), Between(0, 0, 0, 0), (), 100 << 30, (3, 11))


def level(seen, name):
    return next(check for check in examine(seen) if check.name == name)


def test_a_healthy_machine_has_nothing_to_mend(healthy):
    assert worst(examine(healthy)) in ("ok", "note")


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        ("other load", {"quiet": Between(300_000, 0, 0, 0)}, "bad"),
        ("other load", {"quiet": Between(80_000, 0, 0, 0)}, "warn"),
        ("build tools", {"missing_tools": ("c++",)}, "bad"),
        ("disk", {"free_disk_bytes": 1 << 30}, "bad"),
        ("Python", {"python": (3, 10)}, "bad"),
    ],
)
def test_each_trouble_is_named_with_what_to_do(healthy, name, change, expected):
    check = level(replace(healthy, **change), name)
    assert check.level == expected
    assert check.fix


def test_troubles_of_the_machine_are_named(healthy):
    seen = healthy.environment
    topology = replace(seen.cpu.topology, quota_millicores=known(1500), allowed_physical_cores=known(4))
    sick = replace(
        seen,
        cpu=replace(seen.cpu, governor=known("powersave"), topology=topology),
        host=replace(seen.host, virtualisation=known("kvm"), on_battery=known(True), clock_source=known("hpet")),
        memory=replace(seen.memory, swap_used_bytes=known(1 << 30), available_bytes=known(1 << 29)),
    )
    checks = {c.name: c for c in examine(replace(healthy, environment=sick, quiet=Between(0, 0, 50_000, 0)))}
    for name in ("clock governor", "CPU quota", "swap", "power", "clock source", "virtual machine"):
        assert checks[name].level == "warn", name
        assert checks[name].fix
    assert checks["memory"].level == "bad"
    assert "-o threads=1" in checks["CPU quota"].fix


def test_a_gpu_of_amd_s_is_a_gpu(healthy):
    gpus = replace(healthy.environment.gpu, nvidia=unknown("no driver"), amd=unknown("amdsmi is not installed"))
    without = replace(healthy, environment=replace(healthy.environment, gpu=gpus))
    told = {check.name: check for check in examine(without, gpu=True)}
    assert told["GPU"].level == "bad"
    by_driver = {check.name: check for check in examine(replace(without, device_busy_percent=0), gpu=True)}
    assert (by_driver["GPU"].level, by_driver["GPU"].what) == ("ok", "of AMD, as its driver tells")
    named = replace(without.environment, gpu=replace(gpus, amd=known(("Instinct MI300X",))))
    told = {check.name: check for check in examine(replace(without, environment=named), gpu=True)}
    assert (told["GPU"].level, told["GPU"].what) == ("ok", "Instinct MI300X")


def test_every_check_is_in_the_list_that_matrices_and_policies_name_them_by():
    source = inspect.getsource(doctor)
    made = {
        node.args[0].value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Check"
    }
    assert made == set(doctor.CHECKS)


@pytest.mark.parametrize("kind", ["wsl1", "wsl2"])
def test_in_the_linux_of_windows_the_programs_of_windows_are_not_seen(healthy, kind):
    seen = healthy.environment
    windows = replace(seen, host=replace(seen.host, virtualisation=known(kind)))
    check = level(replace(healthy, environment=windows), "virtual machine")
    assert check.level == "note"
    assert "not seen from here" in check.fix
