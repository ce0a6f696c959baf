"""llama.cpp's Vulkan backend on Mesa's software device, for real: listed, measured through a server, and never a GPU."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.capture.source import this_machine
from harness.device_kinds import DeviceKind
from harness.record.store import read
from harness.registry.intake.hardware import hardware_of
from harness.run.prepare import gpus
from runtimes.interface import Device, ModelFiles
from runtimes.openai_http import OpenAIHTTP
from runtimes.support.llama_cpp_placement import computed_on, placement_of, settings_of, used
from tests.e2e.conftest import measured, refused
from tests.support import tiny_models, vulkan_server

SMALL = Path(__file__).parents[1] / "data" / "small-v1.toml"
ROOT = Path(__file__).parents[2]
LIST = """
import ctypes, json, sys
from dataclasses import asdict
from runtimes.support.ggml_devices import listed
base, ggml = (ctypes.CDLL(f"{sys.argv[1]}/lib{name}.so", mode=ctypes.RTLD_GLOBAL) for name in ("ggml-base", "ggml"))
print(json.dumps([{**asdict(one.device), "place": one.place} for one in listed(ggml, base)]))
"""

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def binaries():
    return vulkan_server.binaries()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_models.write_gguf(tmp_path_factory.mktemp("model") / "readable.gguf", readable=True)


@pytest.fixture
def no_gpu():
    if gpus.read_gpus(this_machine(), gpus.count_nvidia(), {}).vendors:
        pytest.skip("this machine has a GPU: a server on it may have used that")


def listed(binaries, **variables):
    done = subprocess.run(
        [sys.executable, "-c", LIST, str(binaries)], cwd=ROOT, capture_output=True, text=True, check=False,
        env=vulkan_server.environment(binaries, **variables),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {one["name"]: one for one in json.loads(done.stdout)}


@pytest.fixture
def suite(tmp_path):
    """The suite for tests with the fewest tokens that can be measured: the device is a hundred times slower than the processor."""
    head, *workloads = SMALL.read_text().split("[[workloads]]")
    kept = [one for one in workloads if '"decode"' in one or '"pp64@d0"' in one]
    path = tmp_path / "small-v1.toml"
    path.write_text("[[workloads]]".join([head, *kept]).replace("output_tokens = 24", "output_tokens = 8"))
    return str(path)


def bench(repro, suite, model, url, *arguments):
    return repro(
        "bench",
        "--model",
        model,
        "--runtime",
        "openai-http",
        "--suite",
        suite,
        "--processes",
        "1",
        "-o",
        f"url={url}",
        *arguments,
    )


def test_the_engines_own_listing_tells_a_software_device_with_its_memory_and_no_place(binaries):
    found = listed(binaries)
    assert found["Vulkan0"]["kind"] == DeviceKind.SOFTWARE
    assert "llvmpipe" in found["Vulkan0"]["description"]
    assert found["Vulkan0"]["memory_bytes"] >= 1 << 28
    assert found["Vulkan0"]["place"] == ""
    assert found["CPU"]["kind"] == DeviceKind.CPU
    assert found["CPU"]["memory_bytes"] is None


def test_without_the_variable_the_engine_lists_no_such_device(binaries):
    assert set(listed(binaries, LP_NUM_THREADS="1")) == {"CPU"}


def test_a_server_on_a_software_device_is_measured_and_its_class_says_so(
    repro, suite, binaries, model, tmp_path, no_gpu
):
    log = tmp_path / "log"
    with vulkan_server.serving(binaries, model, log, "-ngl", "99", "-lv", "5") as url:
        done = bench(repro, suite, model, url)
    measured(done)
    record = read(repro.records()[0]).record
    assert {device.kind for device in record.runtime.devices} == {"local-server", "software"}
    assert record.runtime.settings["computed_on"] == "local-server, software"
    assert record.runtime.settings["server_drivers"] == "Vulkan; llvmpipe open"
    assert [finding.code for finding in record.findings].count("software_device") == 1
    assert "is a software device" in done.stdout
    found = hardware_of(record, "here")
    assert found.sku.startswith("software device llvmpipe ×1 + ")
    assert found.device == "unknown"
    # What an adapter of our own would be told: all three layers, weights, cache and buffers lie there.
    device = Device("Vulkan0", DeviceKind.SOFTWARE, "llvmpipe")
    placement = placement_of(log.read_text(), [device])
    assert placement.layers == {"Vulkan0": 3}
    assert placement.cache == {"Vulkan0"}
    assert used([device], placement) == (device,)
    assert settings_of([device], placement)["gpu_layers_offloaded"] == "3/3"
    assert computed_on([device], placement) == (DeviceKind.SOFTWARE,)


def facts(model, url):
    """What the adapter tells of the server, before anything is measured."""
    loaded = OpenAIHTTP().load(ModelFiles(model, "gguf"), {"url": url})
    loaded.close()
    return loaded.facts


@pytest.mark.parametrize("arguments", [("-ngl", "0"), ("--n-gpu-layers", "0")])
def test_where_the_device_is_open_and_given_no_layer_nobody_knows_what_computes(binaries, model, tmp_path, arguments):
    with vulkan_server.serving(binaries, model, tmp_path / "log", *arguments) as url:
        told = facts(model, url)
    assert [device.kind for device in told.devices] == [DeviceKind.SERVER]
    assert told.settings["hardware"] == "unknown: llvmpipe may compute, or the processor"
    assert told.settings["server_drivers"] == "Vulkan; llvmpipe open"


@pytest.mark.parametrize(
    ("variables", "arguments"), [(vulkan_server.SOFTWARE, ("--device", "none")), ({"LP_NUM_THREADS": "1"}, ())]
)
def test_a_driver_that_is_loaded_and_whose_device_is_not_opened_changes_nothing(
    binaries, model, tmp_path, variables, arguments
):
    with vulkan_server.serving(binaries, model, tmp_path / "log", *arguments, variables=variables) as url:
        told = facts(model, url)
    assert [device.kind for device in told.devices] == [DeviceKind.LOCAL_SERVER]
    assert told.settings["server_drivers"] == "Vulkan"
    assert told.settings["hardware"] == "process seen with the model open"


def test_a_build_for_a_gpu_is_refused_where_vulkan_lists_software_alone(repro, tiny, no_gpu):
    line = refused(repro("bench", "--model", tiny, "--runtime", "llama.cpp", "--backend", "vulkan"))
    assert "needs a GPU, and this machine shows none" in line
    line = refused(repro("bench", "--model", tiny, "--runtime", "openai-http", "--backend", "vulkan"))
    assert "openai-http has no builds" in line
