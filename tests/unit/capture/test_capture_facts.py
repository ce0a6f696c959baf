"""Facts, parsers under arbitrary text, a capture of this machine, and the absent GPU driver."""

import json
import socket
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.capture import cgroup, cpu, gpu, host, memory, privacy, snapshot, source, topology
from harness.capture.facts import LARGEST, UNLISTED, Fact, first_known, known, scaled, to_plain, unknown, whole

PARSERS = (
    *(topology.cpu_list, topology.cores_of_cpuinfo, cgroup.own_groups, cgroup.quota_of, source.parse_sysctl),
    *(cpu.cpuinfo_fields, cpu.cache_bytes, memory.chosen, host.os_release, whole, lambda t: scaled(t, 3)),
)


@given(st.one_of(st.text(), st.from_regex(r"[\w²٣:=,/ .-]{0,40}\n?")))
def test_no_parser_raises_on_any_text(text: str) -> None:
    for parse in PARSERS:
        parse(text)


@given(st.integers(0, 10**6), st.integers(0, 999))
def test_a_decimal_is_scaled_exactly(head: int, thousandths: int) -> None:
    assert scaled(f"{head}.{thousandths:03d}", 3) == head * 1000 + thousandths


@given(st.frozensets(st.integers(0, 300), max_size=20))
def test_a_list_of_cpus_is_read_back(cpus: frozenset[int]) -> None:
    assert topology.cpu_list(",".join(map(str, sorted(cpus)))) == cpus


def test_a_fact_has_a_value_or_a_reason_and_no_truth() -> None:
    for wrong in ({}, {"value": 1, "reason": "both"}):
        with pytest.raises(ValueError, match="not both"):
            Fact(**wrong)
    with pytest.raises(TypeError, match="known"):
        bool(known(0))
    assert first_known(unknown("a"), known(False)).value is False
    assert first_known(unknown("a"), unknown("b"), unknown("a")).reason == "a; b"
    assert known("7").then(whole, "no number").value == 7
    assert known("x").then(whole, "no number").reason == "no number"


def test_floats_and_integers_beyond_the_canonical_form_are_refused() -> None:
    @dataclass
    class Half:
        shown: int
        hidden: float

    Half.__dataclass_fields__["hidden"].metadata = types.MappingProxyType(dict(UNLISTED))  # type: ignore[assignment]
    assert to_plain(Half(1, 0.5)) == {"shown": 1}
    assert whole(str(LARGEST + 1)) is None
    with pytest.raises(ValueError, match="8785"):
        to_plain(LARGEST + 1)
    with pytest.raises(TypeError, match="float"):
        to_plain({"a": [0.5]})


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in _leaves(item)]
    return [leaf for item in value for leaf in _leaves(item)] if isinstance(value, list) else [value]


def test_a_capture_of_this_machine_is_plain_and_every_null_has_its_reason() -> None:
    plain = snapshot.capture().to_json()
    assert all(leaf is None or type(leaf) in (int, str, bool) for leaf in _leaves(plain))
    assert '"value": null}' not in json.dumps(plain)
    assert snapshot.cores() >= 1


def test_planted_names_are_nowhere_in_a_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    canaries = {name: f"canary{name.lower()}7f3a" for name in ("HOME", "USER", "LOGNAME", "HOSTNAME")}
    for name, token in canaries.items():
        monkeypatch.setenv(name, f"/{token}" if name == "HOME" else token)
    monkeypatch.setattr(socket, "gethostname", lambda: "canaryhost7f3a")
    monkeypatch.setattr(socket, "getfqdn", lambda: "canaryhost7f3a")
    text = json.dumps(snapshot.capture().to_json())
    assert "canary" not in text
    identifiers = privacy.own_identifiers()
    assert {"canaryhost7f3a", "canaryuser7f3a", "/canaryhome7f3a"} <= identifiers
    assert privacy.leaks({"a": [{"b": "on CANARYHOST7F3A"}]}, identifiers) == ["a[0].b"]
    assert privacy.leaks(snapshot.capture().to_json(), identifiers) == []


def test_without_a_driver_the_gpus_are_unknown_with_a_reason_and_nothing_raises(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if Path("/proc/driver/nvidia").exists():  # else the real library's absence is what is met
        import pynvml

        missing = pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)
        monkeypatch.setattr(pynvml, "nvmlInit", lambda: (_ for _ in ()).throw(missing))
    found = gpu.read_gpus(source.Source("Linux", "x86_64", source.Tree(tmp_path)))
    for fact in (found.nvidia, found.amd, found.apple):
        assert not fact.known
        assert fact.reason


class _Refused(Exception):
    """Stands for NVMLError."""


def test_what_one_gpu_refuses_to_tell_is_unknown_and_the_rest_is_mapped() -> None:
    def refuse(*_: object) -> None:
        raise _Refused("Not Supported")

    nvml = types.SimpleNamespace(
        NVMLError=_Refused,
        NVML_CLOCK_SM=1,
        NVML_CLOCK_MEM=2,
        NVML_TEMPERATURE_GPU=0,
        nvmlDeviceGetName=lambda _: b"NVIDIA H100 PCIe",
        nvmlDeviceGetMemoryInfo=lambda _: types.SimpleNamespace(total=85_520_809_984),
        nvmlSystemGetDriverVersion=lambda: "580.65.06",
        nvmlDeviceGetClockInfo=lambda _, kind: 1755 if kind == 1 else 1593,
        nvmlDeviceGetEnforcedPowerLimit=lambda _: 350_000,
        nvmlDeviceGetTemperature=lambda _, __: 41,
        nvmlDeviceGetCurrentClocksEventReasons=lambda _: 0x1,
        nvmlDeviceGetEccMode=lambda _: [1, 1],
        nvmlDeviceGetMigMode=refuse,
        nvmlDeviceGetComputeMode=lambda _: 0,
        nvmlDeviceGetCurrPcieLinkGeneration=lambda _: 5,
        nvmlDeviceGetCurrPcieLinkWidth=lambda _: 16,
    )
    device = gpu._gpu(nvml, object())
    assert (device.name.value, device.memory_bytes.value) == ("NVIDIA H100 PCIe", 85_520_809_984)
    assert (device.sm_clock_hz.value, device.memory_clock_hz.value) == (1_755_000_000, 1_593_000_000)
    assert (device.power_limit_mw.value, device.temperature_millicelsius.value) == (350_000, 41_000)
    assert (device.ecc.value, device.pcie_generation.value, device.pcie_width.value) == (True, 5, 16)
    assert "Not Supported" in device.mig.reason
