"""The finding on a model that processor and GPU shared."""

import pytest

from harness.measure.findings import Severity
from harness.run.conclude.split import split_findings


def facts(kind="gpu", *, computed_on=("cpu", "gpu"), **settings):
    gpu = {"name": "CUDA0", "kind": kind, "description": "NVIDIA GeForce RTX 4090", "memory_bytes": None}
    devices = [gpu, {"name": "CPU", "kind": "cpu", "description": "AMD EPYC"}]
    return {"devices": devices, "settings": settings, "computed_on": computed_on}


def test_a_chosen_split_is_a_note_with_its_figures():
    (found,) = split_findings(facts(gpu_layers=10, gpu_layers_offloaded="10/29"))
    assert (found.code, found.severity) == ("split", Severity.NOTE)
    assert found.text == "10 of 29 layers were computed by NVIDIA GeForce RTX 4090, the rest by the processor"
    assert found.evidence == {"gpu_layers": 10, "layers": 29}


@pytest.mark.parametrize("asked", [-1, 999, 29])
def test_a_split_where_all_was_asked_for_is_a_warning(asked):
    (found,) = split_findings(facts(gpu_layers=asked, gpu_layers_offloaded="10/29"))
    assert found.severity is Severity.WARNING


def test_layers_asked_for_say_nothing_where_the_engine_says_what_computed():
    assert not split_findings(facts(computed_on=["gpu"], gpu_layers=10))
    (found,) = split_findings(facts(layers_of_mine=10))
    assert "does not report" in found.text


def test_an_engine_that_reports_nothing_is_said_to_report_nothing():
    (found,) = split_findings(facts(gpu_layers=29, gpu_layers_offloaded=None))
    assert (found.severity, "does not report" in found.text) == (Severity.WARNING, True)


def test_a_gpu_that_only_helps_with_prompts_is_named():
    (found,) = split_findings(facts(gpu_layers=0, gpu_layers_offloaded="0/29", kv_cache_on="CPU"))
    assert "took part" in found.text


def test_cache_and_weights_in_main_memory_are_named():
    texts = [f.text for f in split_findings(facts(gpu_layers=-1, gpu_layers_offloaded="29/29", kv_cache_on="CPU"))]
    assert texts == ["the KV cache lay in main memory, not on NVIDIA GeForce RTX 4090"]
    (moved,) = split_findings(facts(gpu_layers=-1, gpu_layers_offloaded="29/29", gpu_tensors_on_cpu=3))
    assert moved.evidence == {"tensors": 3}
    (offloaded,) = split_findings(facts(computed_on=["gpu"], weights_on_cpu_mib=4096))
    assert offloaded.evidence == {"weights_mib": 4096}


def test_a_gpu_or_a_processor_alone_is_nothing_to_say():
    assert not split_findings(facts(gpu_layers=-1, gpu_layers_offloaded="29/29", kv_cache_on="CUDA0"))
    assert not split_findings(facts("accelerator", gpu_layers=0, gpu_layers_offloaded=None))
    assert not split_findings(facts(computed_on=["gpu"], device="cuda:0"))
