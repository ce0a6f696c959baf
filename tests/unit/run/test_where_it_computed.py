"""A library that helps the processor is no GPU: neither for the physics of a run nor for its meters."""

from dataclasses import fields
from types import SimpleNamespace

import pytest

from harness.capture import meters
from harness.run.evidence import Evidence
from harness.run.execute.telemetry import Telemetry
from runtimes.support.torch_devices import off_device_mib
from runtimes.support.vllm_facts import offloaded_mib


def evidence(*kinds):
    facts = {"devices": [{"kind": kind} for kind in kinds]}
    nothing = dict.fromkeys((one.name for one in fields(Evidence)), None)
    return Evidence(**{**nothing, "outcome": SimpleNamespace(logs=[SimpleNamespace(complete=True, facts=facts)])})


@pytest.mark.parametrize(
    ("kinds", "on_cpu"),
    [
        (("cpu",), True),
        (("accelerator", "cpu"), True),
        (("gpu", "accelerator", "cpu"), False),
        (("igpu", "cpu"), False),
    ],
)
def test_a_processor_with_blas_keeps_its_physics(kinds, on_cpu):
    assert evidence(*kinds).on_cpu is on_cpu


@pytest.mark.parametrize(
    ("kinds", "asked"),
    [
        ({"cpu"}, False),
        ({"cpu", "accelerator"}, False),
        ({"local-server"}, False),
        ({"gpu", "cpu"}, True),
        ({"igpu"}, True),
    ],
)
def test_a_gpus_meters_are_opened_for_a_gpu_only(monkeypatch, kinds, asked):
    opened = []
    monkeypatch.setattr(meters.Nvidia, "open", lambda *_: opened.append("nvidia"))
    meters.open_meters(frozenset(kinds), frozenset(), ())
    assert bool(opened) is asked


@pytest.mark.parametrize(
    ("kinds", "computed_on", "settings", "seen"),
    [
        (["accelerator", "cpu"], [], {}, {"cpu"}),
        (["accelerator"], [], {}, {"accelerator"}),
        (["cpu"], [], {"gpu_layers": 29}, {"cpu"}),
        (
            ["gpu", "cpu"],
            ["cpu", "gpu"],
            {"gpu_layers": 0, "layers_on": "CPU 29"},
            {"gpu", "cpu"},
        ),  # it took part in prompts
        (["gpu", "cpu"], ["gpu"], {"gpu_layers": 0}, {"gpu"}),  # another engine's setting of that name
        (["igpu", "cpu"], ["igpu"], {}, {"igpu"}),
    ],
)
def test_what_computed_is_metered_and_no_setting_decides_it(kinds, computed_on, settings, seen):
    asked = []
    telemetry = Telemetry(4, lambda kinds, own, ids: asked.append(kinds) or [])
    telemetry.begin({"devices": [{"kind": kind} for kind in kinds], "computed_on": computed_on, "settings": settings})
    assert asked == [frozenset(seen)]


def weights(kind, mib):
    return SimpleNamespace(device=SimpleNamespace(type=kind), numel=lambda: mib << 18, element_size=lambda: 4)


@pytest.mark.parametrize(("elsewhere", "expected"), [((), 0), (("cpu",), 32), (("meta",), 32), (("cpu", "cpu"), 64)])
def test_weights_off_the_device_are_counted_where_they_lie(elsewhere, expected):
    parts = [weights("cuda", 512), *(weights(kind, 32) for kind in elsewhere)]
    module = SimpleNamespace(parameters=lambda: parts, buffers=list)
    assert off_device_mib(module, SimpleNamespace(type="cuda")) == expected


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (SimpleNamespace(), 0),
        (SimpleNamespace(cache_config=SimpleNamespace(cpu_offload_gb=0)), 0),
        (SimpleNamespace(cache_config=SimpleNamespace(cpu_offload_gb=4.0)), 4096),
        (SimpleNamespace(offload_config=SimpleNamespace(uva=SimpleNamespace(cpu_offload_gb=2))), 2048),
    ],
)
def test_weights_that_vllm_offloads_are_read_from_its_own_configuration(config, expected):
    assert offloaded_mib(config) == expected
