"""The hardware class names what computed: the GPUs, the processor, or how both shared the layers."""

import pytest

from harness.errors import BadInput
from harness.record.schema import Device
from harness.record.store import read
from harness.registry.intake.hardware import LIBRARIES, hardware_of

CPU = Device(name="CPU", kind="cpu", description="AMD EPYC", memory_bytes=None)
RTX = Device(name="CUDA0", kind="gpu", description="NVIDIA GeForce RTX 4090", memory_bytes=24 << 30)
SMALL = Device(name="CUDA1", kind="gpu", description="NVIDIA GeForce RTX 3060", memory_bytes=12 << 30)
METAL = Device(name="MTL0", kind="gpu", description="Apple M2", memory_bytes=16 << 30)
BLAS = Device(name="BLAS", kind="accelerator", description="Accelerate", memory_bytes=None)


@pytest.fixture
def record(simulated_record):
    return read(simulated_record).record


def run(record, *devices, environment=None, engine="llama.cpp", **settings):
    runtime = record.runtime.model_copy(
        update={"devices": devices, "engine": engine, "settings": {**record.runtime.settings, **settings}}
    )
    changes = {"runtime": runtime} | ({} if environment is None else {"environment": environment})
    return hardware_of(record.model_copy(update=changes), "here")


def machine(record, **cpu):
    changed = {**record.environment["cpu"], **{name: {"value": value} for name, value in cpu.items()}}
    return {**record.environment, "cpu": changed}


def test_a_split_is_a_class_of_its_own(record):
    whole = run(record, RTX, CPU, gpu_layers=29, gpu_layers_offloaded="29/29")
    part = run(record, RTX, CPU, gpu_layers=10, gpu_layers_offloaded="10/29")
    assert whole.sku == "GeForce RTX 4090 ×1"
    assert part.sku.startswith("GeForce RTX 4090 ×1 (10 of 29 layers) + ")
    assert "cores" in part.sku
    assert part.generation.startswith("Ada Lovelace + ")
    assert run(record, RTX, CPU, gpu_layers=11, gpu_layers_offloaded="11/29") != part


@pytest.mark.parametrize("asked", [-1, 999, 29])
def test_what_was_asked_for_is_no_evidence(record, asked):
    assert run(record, RTX, CPU, gpu_layers=asked, gpu_layers_offloaded="29/29").sku == "GeForce RTX 4090 ×1"
    assert "(10 of 29 layers)" in run(record, RTX, CPU, gpu_layers=asked, gpu_layers_offloaded="10/29").sku
    assert "(layers not reported)" in run(record, RTX, CPU, gpu_layers=asked).sku


def test_a_gpu_that_took_part_without_any_layer_is_not_left_out(record):
    told = {"gpu_layers": 0, "gpu_layers_offloaded": "0/29"}
    assert "(0 of 29 layers)" in run(record, RTX, CPU, **told, layers_on="CPU 29").sku
    assert run(record, RTX, CPU, **told) == run(record, CPU)  # from before only devices that took part were listed
    assert "RTX" not in run(record, RTX, CPU, gpu_layers=0).sku


def test_a_cache_or_weights_in_main_memory_are_a_split(record):
    whole = {"gpu_layers": -1, "gpu_layers_offloaded": "29/29"}
    assert "(KV cache on the CPU)" in run(record, RTX, CPU, **whole, kv_cache_on="CPU").sku
    assert "(29 tensors on the CPU)" in run(record, RTX, CPU, **whole, gpu_tensors_on_cpu=29).sku
    assert run(record, RTX, CPU, **whole, kv_cache_on="CUDA0").sku == "GeForce RTX 4090 ×1"
    vllm = run(record, RTX, CPU, engine="vllm", weights_on_cpu_mib=4096)
    assert "(4096 MiB of weights on the CPU)" in vllm.sku


def test_unlike_gpus_are_counted_each_for_itself(record):
    assert (
        run(record, RTX, SMALL, RTX, gpu_layers_offloaded="29/29").sku
        == "GeForce RTX 3060 12 GB ×1, GeForce RTX 4090 ×2"
    )
    told = run(record, RTX, SMALL, gpu_layers_offloaded="29/29", layers_on="CUDA0 20, CUDA1 9")
    assert told.sku == "GeForce RTX 3060 12 GB ×1 (9 layers), GeForce RTX 4090 ×1 (20 layers)"
    alike = run(record, RTX, RTX, gpu_layers_offloaded="29/29", layers_on="CUDA0 20, CUDA1 9")
    assert alike.sku == "GeForce RTX 4090 ×2"


def test_metal_is_one_device_and_blas_is_none(record):
    assert run(record, METAL, BLAS, CPU, gpu_layers_offloaded="29/29").sku == "Apple M2 ×1"


@pytest.mark.parametrize("kind", ["accelerator", "gpu"])
@pytest.mark.parametrize(
    ("name", "description"),
    [("BLAS", "OpenBLAS"), ("BLAS", "Accelerate"), ("BLAS", "MKL"), ("ZDNN0", "zDNN"), ("AMX", ""), ("KleidiAI", "x")],
)
def test_a_processor_with_a_library_is_that_processor(record, kind, name, description):
    library = Device(name=name, kind=kind, description=description, memory_bytes=None)
    assert run(record, library, CPU) == run(record, CPU)
    assert run(record, library) == run(record, CPU)


def test_an_integrated_gpu_beside_a_discrete_one_did_not_compute(record):
    igpu = Device(name="Vulkan1", kind="igpu", description="AMD Radeon Graphics", memory_bytes=None)
    assert run(record, RTX, igpu, CPU, gpu_layers_offloaded="29/29").sku == "GeForce RTX 4090 ×1"


@pytest.mark.parametrize("device", [Device(name=n, kind="gpu", description=d, memory_bytes=None) for n, d in (
    ("CUDA0", ""), ("None", "None"), ("Vulkan0", "unknown"))])  # fmt: skip
def test_a_class_never_holds_none(record, device):
    found = run(record, device)
    assert found.sku == "unlisted GPU ×1"
    nothing = {name: {"value": None, "reason": "not read here"} for name in record.environment}
    blank = run(record, CPU, environment=nothing)
    assert (blank.sku, blank.generation) == ("unknown processor, unknown cores, unknown GiB", "unknown")
    assert "None" not in f"{found}{blank}"


def test_a_server_that_computes_elsewhere_has_no_class(record):
    with pytest.raises(BadInput, match="hardware is not known"):
        run(record, RTX, Device(name="RPC", kind="server", description="another machine", memory_bytes=None))


def test_a_server_here_is_the_processor_only_where_there_is_no_gpu(record):
    local = Device(name="local", kind="local-server", description="this machine", memory_bytes=None)
    gpu = {"nvidia": {"value": None, "reason": "no driver"}, "amd": {"value": None}, "apple": {"value": None}}
    assert run(record, local, environment=record.environment | {"gpu": gpu}) == run(record, CPU)
    for vendor, value in (("nvidia", [{}]), ("amd", ["Radeon"]), ("apple", "Apple M2 GPU")):
        with pytest.raises(BadInput, match="may have used"):
            run(record, local, environment=record.environment | {"gpu": gpu | {vendor: {"value": value}}})


def of_intel(*parts):
    """GPUs of Intel's as a record's environment has them: name, and whether each is a part of the processor."""
    listed = [{"name": {"value": name}, "integrated": {"value": integrated}} for name, integrated in parts]
    return {"gpu": {"intel": {"value": listed}}}


def test_a_server_here_may_have_used_intel_s_gpu_within_the_processor_too(record):
    local = Device(name="local", kind="local-server", description="this machine", memory_bytes=None)
    for parts in (("Intel(R) UHD Graphics 770", True), ("Intel(R) Arc(TM) B580 Graphics", False)):
        with pytest.raises(BadInput, match="may have used"):
            run(record, local, environment=record.environment | of_intel(parts))


@pytest.mark.parametrize(
    ("name", "kind", "memory", "parts", "sku"),
    [
        ("Intel(R) Arc(TM) B580 Graphics (dGPU)", "gpu", 12 << 30, (), "Arc B580 ×1"),
        ("Intel(R) Arc(TM) A770 Graphics (dGPU)", "gpu", 16225243136, (), "Arc A770 16 GB ×1"),
        ("Intel(R) Arc(TM) A770 Graphics (dGPU)", "gpu", None, (), "unlisted Intel(R) Arc(TM) A770 Graphics (dGPU) ×1"),
        ("Intel(R) UHD Graphics 770 (iGPU)", "igpu", None, (), "UHD Graphics 770 ×1"),
        ("Intel(R) Graphics [0xe20b] (dGPU)", "gpu", 12 << 30, (("Intel(R) Arc(TM) B580 Graphics", False),), "Arc B580 ×1"),
        ("Intel(R) Graphics (BMG G21)", "gpu", None, (("Intel(R) Arc(TM) B580 Graphics", False),), "Arc B580 ×1"),
        ("Intel(R) Arc(TM) Graphics (iGPU)", "igpu", 30 << 30,
         (("Intel(R) Arc(TM) Graphics (MTL)", True), ("Intel(R) Arc(TM) B580 Graphics", False)), "Arc Graphics (Meteor Lake) ×1"),
        ("Intel(R) Graphics [0xe20b] (dGPU)", "gpu", 12 << 30,
         (("Intel(R) Arc(TM) B580 Graphics", False), ("Intel(R) Arc(TM) B570 Graphics", False)),
         "unlisted Intel(R) Graphics [0xe20b] (dGPU) ×1"),
        ("Intel(R) Graphics [0x0001] (dGPU)", "gpu", 12 << 30, ((None, None),), "unlisted Intel(R) Graphics [0x0001] (dGPU) ×1"),
        ("AMD Radeon Graphics", "gpu", 12 << 30, (("Intel(R) Arc(TM) B580 Graphics", False),), "unlisted AMD Radeon Graphics ×1"),
    ],
)  # fmt: skip
def test_a_gpu_of_intel_s_has_the_name_of_its_part_whatever_the_engine_s_driver_calls_it(
    record, name, kind, memory, parts, sku
):
    device = Device(name=name, kind=kind, description="OpenVINO's GPU, architecture unknown", memory_bytes=memory)
    real = record.model_copy(update={"run": record.run.model_copy(update={"synthetic": False})})
    there = record.environment | (of_intel(*parts) if parts else {})
    assert run(real, device, environment=there, engine="openvino", computed_on=kind).sku == sku


def test_a_server_here_that_says_what_computed_has_the_class_of_that(record):
    local = Device(name="local", kind="local-server", description="this machine", memory_bytes=None)
    there = record.environment | {"gpu": {"nvidia": {"value": [{}]}}}
    cpu = run(record, local, CPU, environment=there, computed_on="cpu, local-server")
    assert cpu == run(record, CPU)
    unnamed = Device(name="GPU", kind="gpu", description="this machine's GPU, by Ollama's account", memory_bytes=None)
    gpu = run(record, local, unnamed, environment=there, computed_on="gpu, local-server")
    assert "EPYC" not in gpu.sku
    assert gpu.sku != cpu.sku
    both = run(
        record, local, CPU, unnamed, environment=there, computed_on="cpu, gpu, local-server", weights_on_cpu_mib=900
    )
    assert "900 MiB of weights on the CPU" in both.sku


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ({"model": "Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz"}, "Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz"),
        ({"model": None, "vendor": "0x41", "model_number": 0xD4F}, "Arm Neoverse-V2"),
        ({"model": None, "vendor": "0xc0", "model_number": 0xAC3}, "Ampere AmpereOne"),
        ({"model": "ARMv8 Processor rev 1 (v8l)", "vendor": "0x51", "model_number": 1}, "Qualcomm Oryon"),
        ({"model": "unknown", "vendor": "GenuineIntel", "family": 6, "model_number": 143}, "Intel family 6 model 143"),
        ({"model": None, "vendor": "0x99", "model_number": 1}, "unknown processor"),
    ],
)
def test_every_processor_has_a_name_or_is_unknown(record, facts, name):
    assert run(record, CPU, environment=machine(record, **facts)).sku.startswith(f"{name}, ")


@pytest.mark.parametrize(
    ("description", "memory", "sku", "generation"),
    [
        ("NVIDIA GeForce RTX 3060", 12 << 30, "GeForce RTX 3060 12 GB ×1", "Ampere"),
        ("NVIDIA GeForce RTX 3060", 8 << 30, "GeForce RTX 3060 8 GB ×1", "Ampere"),
        ("NVIDIA GeForce RTX 3060", None, "unlisted NVIDIA GeForce RTX 3060 ×1", "unknown"),
        ("NVIDIA GeForce RTX 4060 Ti", None, "unlisted NVIDIA GeForce RTX 4060 Ti ×1", "unknown"),
        ("Orin", 7 << 30, "unlisted Orin ×1", "unknown"),
        ("NVIDIA GeForce RTX 4090", None, "GeForce RTX 4090 ×1", "Ada Lovelace"),
    ],
)
def test_a_name_that_several_parts_share_needs_the_memory_to_be_one_of_them(
    record, description, memory, sku, generation
):
    gpu = Device(name="CUDA0", kind="gpu", description=description, memory_bytes=memory)
    real = record.model_copy(update={"run": record.run.model_copy(update={"synthetic": False})})
    found = run(real, gpu, CPU, gpu_layers=29, gpu_layers_offloaded="29/29")
    assert (found.sku, found.generation) == (sku, generation)


def test_no_part_of_the_device_table_is_taken_for_a_library():
    from harness.catalog.devices import table

    assert not {name.casefold() for device in table() for name in (device.sku, *device.aliases)} & LIBRARIES


def test_the_bound_of_a_split_counts_the_memory_of_both(record):
    from harness.registry.intake.plausibility import possible

    size = 8 << 30
    result = record.headline
    fast = result.model_copy(update={"estimate": result.estimate.model_copy(update={"point": 200 * 10**6})})
    results = tuple(
        found.model_copy(update={"metrics": tuple(fast if metric == result else metric for metric in found.metrics)})
        for found in record.results
    )

    def said(bandwidth, gpu=RTX, **settings):
        runtime = record.runtime.model_copy(
            update={"devices": (gpu, CPU), "engine": "llama.cpp", "settings": record.runtime.settings | settings}
        )
        derived = {} if bandwidth is None else {"measured_bandwidth": {"read_bytes_per_s": bandwidth}}
        model = record.model | {"bytes_per_token": size, "prefill_operations_per_token": None}
        changed = {"runtime": runtime, "results": results, "derived": derived, "model": model}
        return [text for text in possible(record.model_copy(update=changed)) if text.startswith(record.suite.headline)]

    assert said(50 * 10**9, gpu_layers=-1, gpu_layers_offloaded="29/29")
    assert "and the main memory" in said(50 * 10**9, gpu_layers=10, gpu_layers_offloaded="10/29")[0]
    assert not said(900 * 10**9, gpu_layers=10, gpu_layers_offloaded="10/29")
    assert not said(None, gpu_layers=10, gpu_layers_offloaded="10/29")
    # A draft that is declared shares a reading of the weights, as many tokens as it says; one that does not say has no bound.
    whole = {"gpu_layers": -1, "gpu_layers_offloaded": "29/29"}
    assert not said(50 * 10**9, **whole, speculative="prompt-lookup", draft_max=8)
    assert not said(50 * 10**9, **whole, speculative=True)
    assert said(50 * 10**9, **whole, speculative=False, draft_max=8)
    # No document has the bandwidth of the one, and the other's memory is whatever the machine has: neither bounds anything.
    for name in ("Adreno (TM) 830", "AMD Radeon 780M Graphics"):
        unbounded = Device(name="Vulkan0", kind="gpu", description=name, memory_bytes=8 << 30)
        assert not said(50 * 10**9, unbounded, gpu_layers=-1, gpu_layers_offloaded="29/29")
        assert not said(50 * 10**9, unbounded, gpu_layers=10, gpu_layers_offloaded="10/29")


@pytest.mark.parametrize("settings", [{"gpu_layers": 0}, {"gpu_layers": 10}, {"gpu_layers_offloaded": None}])
def test_no_setting_of_another_engine_moves_its_layers(record, settings):
    """`gpu_layers` is llama.cpp's: what another engine means by it is its own affair."""
    alone = run(record, RTX, engine="other", computed_on="gpu", **settings)
    assert (
        alone.sku == run(record, RTX, CPU, engine="other", computed_on="gpu", **settings).sku == "GeForce RTX 4090 ×1"
    )


def test_an_engine_that_says_that_both_computed_is_a_class_of_both(record):
    assert "(layers not reported) + " in run(record, RTX, CPU, engine="other", computed_on="cpu, gpu").sku
    told = {"computed_on": "cpu, gpu", "gpu_layers_offloaded": "29/29"}
    assert "(shared with the processor) + " in run(record, RTX, CPU, engine="other", **told).sku
    assert "(10 of 29 layers) + " in run(record, RTX, CPU, computed_on="cpu, gpu", gpu_layers_offloaded="10/29").sku


@pytest.mark.parametrize("stated", ["cpu", "server", "gpu, igpu", "frobnicator", "", 7])
def test_a_statement_that_the_devices_do_not_bear_out_is_none(record, stated):
    before = run(record, RTX, CPU, gpu_layers=10, gpu_layers_offloaded="10/29", computed_on=None)
    assert run(record, RTX, CPU, gpu_layers=10, gpu_layers_offloaded="10/29", computed_on=stated) == before


LLVMPIPE = Device(name="Vulkan0", kind="software", description="llvmpipe (LLVM 15.0.6, 256 bits)", memory_bytes=2 << 30)


@pytest.mark.parametrize("kind", ["software", "gpu", "igpu"])
def test_a_software_device_is_no_gpu_whatever_a_record_calls_it(record, kind):
    told = LLVMPIPE.model_copy(update={"kind": kind})
    found = run(record, told, gpu_layers=-1, gpu_layers_offloaded="29/29")
    processor = run(record, CPU)
    assert found.sku == f"software device llvmpipe ×1 + {processor.sku}"
    assert found.generation == processor.generation
    assert found.device == "unknown"
    assert found != processor
    assert found.differs_in(processor) == ()  # the same machine by another way is no second class
    assert run(record, RTX, gpu_layers=-1, gpu_layers_offloaded="29/29").sku != found.sku


@pytest.mark.parametrize(
    ("description", "name"),
    [
        ("SwiftShader Device (LLVM 10.0.0)", "SwiftShader"),
        ("Microsoft Basic Render Driver", "WARP"),
        ("pthread-haswell-AMD EPYC", "PoCL"),
    ],
)
def test_every_software_device_is_one(record, description, name):
    told = Device(name="Vulkan0", kind="gpu", description=description, memory_bytes=None)
    found = run(record, told, gpu_layers=-1, gpu_layers_offloaded="29/29")
    assert found.sku.startswith(f"software device {name} ×1 + ")


def test_a_software_device_beside_a_gpu_is_named_with_its_processor(record):
    settings = {"gpu_layers": -1, "gpu_layers_offloaded": "29/29", "layers_on": "CUDA0 20, Vulkan0 9"}
    found = run(record, RTX, LLVMPIPE, **settings)
    assert found.sku.startswith("GeForce RTX 4090 ×1 (20 layers), software device llvmpipe ×1 (9 layers) + ")
    assert found.device == "unknown"


def test_a_part_of_the_layers_on_a_software_device_is_a_split(record):
    found = run(record, LLVMPIPE, CPU, gpu_layers=10, gpu_layers_offloaded="10/29")
    assert found.sku.startswith("software device llvmpipe ×1 (10 of 29 layers) + ")


H100 = Device(name="CUDA0", kind="gpu", description="NVIDIA H100 80GB HBM3", memory_bytes=80 << 30)
WHOLE = {"gpu_layers": -1, "gpu_layers_offloaded": "29/29"}


@pytest.fixture
def real(record):
    """A demonstration's devices are in no table: these tests are of measured ones."""
    return record.model_copy(update={"run": record.run.model_copy(update={"synthetic": False})})


def cards(record, *told):
    listed = [{name: {"value": value} for name, value in one.items()} for one in told]
    return {**record.environment, "gpu": {**record.environment["gpu"], "nvidia": {"value": listed}}}


@pytest.mark.parametrize("profile", ["1g.10gb", "1g.20gb", "3g.40gb", "7g.80gb", "1g.10gb+me"])
def test_a_slice_is_never_the_whole_cards_class(real, profile):
    memory = (int(profile.split(".")[1].split("gb")[0])) << 30
    named = H100.model_copy(update={"description": f"{H100.description} MIG {profile}", "memory_bytes": memory})
    whole, found = run(real, H100, **WHOLE), run(real, named, **WHOLE)
    assert found.sku == f"unlisted NVIDIA H100 80GB HBM3 MIG {profile} ×1"
    assert found.sku != whole.sku
    assert "MIG" not in whole.sku
    assert found.device == "unknown"


def test_a_slice_that_the_engine_names_like_its_card_is_known_by_the_driver(real):
    for told in (
        [{"mig": True}],
        [{"mig": True}, {"mig": True}],
        [{"mig": True, "used": True}, {"mig": False, "used": False}],
    ):
        found = run(real, H100, environment=cards(real, *told), **WHOLE)
        assert found.sku == "unlisted NVIDIA H100 80GB HBM3 MIG slice ×1"
    for told in (
        [{"mig": False}],
        [{"mig": True, "used": False}, {"mig": False, "used": True}],
        [{"mig": True}, {"mig": False}],
    ):
        assert "MIG" not in run(real, H100, environment=cards(real, *told), **WHOLE).sku


def test_two_slices_of_unlike_profiles_are_not_two_of_one(real):
    small = H100.model_copy(update={"description": "NVIDIA H100 80GB HBM3 MIG 1g.10gb", "memory_bytes": 10 << 30})
    large = small.model_copy(update={"name": "CUDA1", "description": "NVIDIA H100 80GB HBM3 MIG 3g.40gb"})
    assert "×2" not in run(real, small, large, **WHOLE).sku


def test_a_generation_that_the_instructions_contradict_is_unknown(record):
    told = {"model": "Intel(R) Xeon(R) Processor", "vendor": "GenuineIntel", "family": 6, "model_number": 167}
    plain, tiles = (
        run(record, CPU, environment=machine(record, **told, flags=flags))
        for flags in (["avx2", "avx512f"], ["avx512f", "amx_int8", "amx_tile"])
    )
    assert (plain.generation, tiles.generation) == ("Rocket Lake", "unknown")
