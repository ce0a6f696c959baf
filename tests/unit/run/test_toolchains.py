"""What a build for a GPU needs, known before anything is built: drivers, toolkits, compilers, headers."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from harness.run.prepare.toolchains import cuda, cuda_root, rocm, vulkan
from harness.run.prepare.toolchains.cuda import CudaBuild, Missing, decide
from harness.run.prepare.toolchains.host_compiler import HostCompilers
from harness.run.prepare.toolchains.nvidia import Driver, Gpu
from harness.run.prepare.toolchains.search_path import SearchPath
from harness.run.prepare.toolchains.toolkit import FROM_INDEX, INDEX_LOCK, Toolkit, find_toolkits, newest_gcc
from runtimes.recipes import LOCKS, RECIPES
from tests.support.vulkan_sdk import sdk

ADA, BLACKWELL = Gpu("NVIDIA GeForce RTX 4090", (8, 9)), Gpu("NVIDIA GeForce RTX 5090", (12, 0))
PASCAL, VOLTA = Gpu("Tesla P100-PCIE-16GB", (6, 0)), Gpu("Tesla V100-SXM2-16GB", (7, 0))
NEW, OLD = Driver("580.95.05", (13, 0), (ADA,)), Driver("570.86", (12, 8), (ADA,))
GCC = HostCompilers(12)
CUDA_12 = Toolkit((12, 4), frozenset({"60", "61", "70", "75", "80", "86", "89", "90"}), 13, root="/usr/local/cuda-12.4")


def made(driver, installed=(), compilers=GCC, machine="x86_64", system="Linux", named=()):
    return decide(driver, installed, compilers, system, machine, named)


def test_a_driver_alone_is_enough_for_a_build():
    found = made(NEW)
    assert isinstance(found, CudaBuild)
    assert (found.from_index, found.architectures) == (True, ("89-real",))
    assert found.said == (
        "NVIDIA GeForce RTX 4090, driver 580.95.05 supports CUDA 13.0; CUDA 13.5 from the package index"
    )


@pytest.mark.parametrize(
    ("driver", "what", "fix"),
    [
        (OLD, "driver 570.86 supports CUDA 12.8; CUDA 13.5 from the package index needs driver 580 or newer",
         "update the driver to 580 or newer, or install a CUDA 12 toolkit"),
        (replace(OLD, version="470.256.02", cuda=(11, 4)), "driver 470.256.02 supports CUDA 11.4", "install a CUDA 11 toolkit"),
        (replace(NEW, gpus=(PASCAL,)), "has no code for Tesla P100-PCIE-16GB (compute capability 6.0)", "the CUDA 12 toolkit"),
        (replace(NEW, gpus=(VOLTA,)), "compute capability 7.0", "the CUDA 12 toolkit"),
        (replace(OLD, gpus=(PASCAL,)), "needs driver 580", "the CUDA 12 toolkit"),
        (replace(NEW, gpus=(Gpu("NVIDIA Future", (14, 2)),)), "has no code for NVIDIA Future", "a CUDA toolkit that suits"),
        (replace(NEW, cuda=None), "does not say which CUDA it supports", "update the driver"),
        (replace(NEW, gpus=()), "tells no GPU's compute capability", "CMAKE_CUDA_ARCHITECTURES"),
        (None, "no NVIDIA driver answers", "CMAKE_CUDA_ARCHITECTURES"),
    ],
)  # fmt: skip
def test_a_driver_or_gpu_that_cuda_13_does_not_take_is_said_with_the_way_out(driver, what, fix):
    found = made(driver)
    assert isinstance(found, Missing)
    assert what in found.what
    assert fix in found.fix


def test_an_installed_toolkit_that_suits_driver_and_gpu_comes_first():
    for driver in (OLD, NEW, replace(OLD, gpus=(PASCAL,)), replace(NEW, gpus=(VOLTA,))):
        found = made(driver, [CUDA_12])
        assert isinstance(found, CudaBuild)
        assert found.toolkit is CUDA_12
        assert "CUDA 12.4 from the installed CUDA toolkit" in found.said
        assert "/usr/local" not in found.said  # a record keeps it


@pytest.mark.parametrize(
    ("toolkit", "driver", "why"),
    [
        (replace(CUDA_12, lacks="cuBLAS"), NEW, "lacks cuBLAS"),
        (CUDA_12, replace(NEW, gpus=(BLACKWELL,)), "has no code for NVIDIA GeForce RTX 5090 (compute capability 12.0)"),
        (replace(CUDA_12, gcc=11), NEW, "needs g++ 11 or older, and this machine has g++ 12"),
        (replace(CUDA_12, version=(14, 0)), NEW, "needs a driver for CUDA 14"),
    ],
)
def test_a_toolkit_that_does_not_suit_is_named_and_the_package_index_stands_in(toolkit, driver, why):
    found = made(driver, [toolkit])
    assert isinstance(found, CudaBuild)
    assert found.from_index
    assert f"from the installed CUDA toolkit {why} and is not used" in found.said


def test_all_gpus_get_their_code_and_one_that_cannot_is_named():
    found = made(replace(NEW, gpus=(BLACKWELL, ADA, ADA)))
    assert isinstance(found, CudaBuild)
    assert found.architectures == ("89-real", "120-real")
    assert cuda_root.flags(found) == ("-DCMAKE_CUDA_ARCHITECTURES=89-real;120-real",)
    found = made(replace(NEW, gpus=(ADA, PASCAL)))
    assert isinstance(found, CudaBuild)
    assert found.architectures == ("89-real",)
    assert "no code for Tesla P100-PCIE-16GB (6.0): hide that with CUDA_VISIBLE_DEVICES" in found.said


def test_a_toolkit_that_reaches_all_gpus_comes_before_one_that_leaves_some_out():
    found = made(replace(NEW, gpus=(ADA, BLACKWELL)), [CUDA_12])
    assert isinstance(found, CudaBuild)
    assert (found.from_index, found.architectures) == (True, ("89-real", "120-real"))
    found = made(replace(NEW, gpus=(ADA, PASCAL)), [CUDA_12])
    assert isinstance(found, CudaBuild)
    assert (found.from_index, found.architectures) == (False, ("60-real", "89-real"))


def test_the_operator_may_name_the_architecture_for_a_machine_without_its_gpu():
    found = made(None, named=("86-real",))
    assert isinstance(found, CudaBuild)
    assert found.architectures == ("86-real",)
    assert isinstance(made(OLD, named=("86-real",)), Missing)  # the driver is known, and too old


@pytest.mark.parametrize(
    ("compilers", "host"),
    [
        (HostCompilers(16), ""),
        (HostCompilers(17, (12, 15)), "g++-15"),
        (HostCompilers(None, (14,)), "g++-14"),
        (HostCompilers(17, (), named=True), ""),
    ],
)
def test_a_compiler_that_is_too_new_gives_way_to_an_older_one(compilers, host):
    found = made(NEW, compilers=compilers)
    assert isinstance(found, CudaBuild)
    assert found.host_compiler == host


@pytest.mark.parametrize(
    ("compilers", "words"),
    [
        (HostCompilers(17), "needs g++ 16 or older, and this machine has g++ 17"),
        (HostCompilers(18, (17,)), "needs g++ 16 or older"),
        (HostCompilers(None), "needs g++, which is not installed"),
    ],
)
def test_a_machine_without_a_compiler_that_nvcc_takes_is_told(compilers, words):
    found = made(NEW, compilers=compilers)
    assert isinstance(found, Missing)
    assert words in found.what
    assert "apt-get install g++" in found.fix


def test_a_system_that_the_package_index_has_no_compiler_for_is_told():
    for machine, system in (("ppc64le", "Linux"), ("x86_64", "FreeBSD")):
        found = made(NEW, machine=machine, system=system)
        assert isinstance(found, Missing)
        assert "is for Linux on x86_64 or aarch64" in found.what


def test_the_lock_pins_what_the_program_says_of_it():
    found = (LOCKS / INDEX_LOCK).read_text()
    assert f"nvidia-cuda-nvcc=={FROM_INDEX.version[0]}.{FROM_INDEX.version[1]}." in found
    assert cuda.series_of(found) == FROM_INDEX.version[0]
    for name in ("crt", "runtime", "cccl"):
        assert f"nvidia-cuda-{name}==13." in found


def test_the_toolchain_joins_the_lock_once():
    own = "numpy==2.4.6 \\\n    --hash=sha256:" + "0" * 64 + "\n"
    build = made(NEW)
    assert isinstance(build, CudaBuild)
    once = cuda_root.joined(own, build)
    assert once.startswith(own)
    assert once.count("nvidia-cuda-nvcc==") == 1
    assert cuda_root.joined(once, build) == once  # a lock that was taken along from another machine
    assert cuda_root.joined(own, None) == own
    assert cuda_root.joined(own, replace(build, toolkit=CUDA_12)) == own


def fake_toolkit(folder, release="12.4", codes=("75", "89"), cublas=True, broken=False):
    """A toolkit's folder with a program that answers as `nvcc` does."""
    root = folder / f"cuda-{release}"
    for name in ("bin", "include/crt", "lib64"):
        (root / name).mkdir(parents=True)
    (root / "include/crt/host_config.h").write_text("#if __GNUC__ > 13\n#error unsupported\n#endif\n")
    if cublas:
        (root / "include/cublas_v2.h").touch()
        (root / "lib64/libcublas.so").touch()
    listed = "\n".join(f"sm_{code}" for code in codes)
    nvcc = root / "bin/nvcc"
    nvcc.write_text(
        "#!/bin/sh\nexit 1\n" if broken else
        f"#!/bin/sh\ncase $1 in --version) echo 'Cuda compilation tools, release {release}, V{release}.131';;\n"
        f"--list-gpu-code) printf '{listed}\\n';;\n--dryrun) echo '#$ TOP={root}/bin/..' >&2;; esac\n"
    )  # fmt: skip
    nvcc.chmod(nvcc.stat().st_mode | stat.S_IXUSR)
    return root


@pytest.fixture
def nowhere(monkeypatch):
    """No toolkit in the usual folders."""
    monkeypatch.setattr("harness.run.prepare.toolchains.toolkit._USUAL", ())


def test_toolkits_are_found_by_variable_and_path_and_a_wrapper_tells_its_root(tmp_path, nowhere):
    first, second = fake_toolkit(tmp_path, "12.4"), fake_toolkit(tmp_path, "13.0", ("89", "120"))
    wrapper = tmp_path / "bin" / "nvcc"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec {second}/bin/nvcc "$@"\n')
    wrapper.chmod(0o755)
    found = find_toolkits({"CUDA_HOME": str(first), "PATH": f"{wrapper.parent}:/usr/bin:/bin"})
    assert [(one.version, one.root, one.gcc, one.lacks) for one in found] == [
        ((12, 4), str(first), 13, ""),
        ((13, 0), str(second), 13, ""),
    ]
    assert found[0].codes == {"75", "89"}
    assert found[0].libraries == str(first / "lib64")


def test_a_toolkit_without_cublas_and_one_that_does_not_answer(tmp_path, nowhere):
    part = fake_toolkit(tmp_path, "12.6", cublas=False)
    assert [one.lacks for one in find_toolkits({"CUDA_PATH": str(part), "PATH": ""})] == ["cuBLAS"]
    broken = fake_toolkit(tmp_path, "11.8", broken=True)
    assert find_toolkits({"CUDA_HOME": str(broken), "PATH": ""}) == ()
    assert find_toolkits({"CUDA_HOME": str(tmp_path / "nothing"), "PATH": ""}) == ()


def test_the_newest_gcc_is_read_from_cudas_own_header():
    assert newest_gcc("#if __GNUC__ > 16\n#error -- unsupported GNU version!") == 16
    assert newest_gcc("nothing of the kind") is None


def test_the_stub_has_every_function_under_the_name_that_the_driver_exports():
    header = (
        "#define cuMemAlloc cuMemAlloc_v2\n#define cuStreamBegin __CUDA_API_PTSZ(cuStreamBegin_v2)\n"
        "CUresult CUDAAPI cuInit(unsigned int Flags);\nCUresult CUDAAPI cuMemAlloc(CUdeviceptr *p, size_t n);\n"
    )
    found = cuda_root.stub_source(header)
    for name in ("cuInit", "cuMemAlloc", "cuMemAlloc_v2", "cuStreamBegin_v2"):
        assert f"int {name}(void)" in found


def test_the_libraries_are_found_at_run_time_without_a_variable(tmp_path):
    import shlex

    own = made(NEW)
    assert isinstance(own, CudaBuild)
    flags = shlex.split(" ".join(cuda_root.place_flags(own, tmp_path)))
    assert "-DCMAKE_SHARED_LINKER_FLAGS=-Wl,-rpath,'$ORIGIN/../../nvidia/cu13/lib'" in flags
    there = made(NEW, [replace(CUDA_12, libraries="/opt/my cuda/lib64")])
    assert isinstance(there, CudaBuild)
    flags = shlex.split(" ".join(cuda_root.place_flags(there, Path("/opt/my cuda"))))
    assert "-DCMAKE_SHARED_LINKER_FLAGS=-Wl,-rpath,'/opt/my cuda/lib64'" in flags
    assert "-DCMAKE_CUDA_COMPILER=/opt/my cuda/bin/nvcc" in flags


FLOOR = RECIPES["llama.cpp"].backends["vulkan"].vulkan_headers


def searched(folder, **environment):
    return SearchPath({"PATH": ""} | environment, root=folder)


@pytest.mark.parametrize(
    ("minor", "patch", "old"), [(3, 239, True), (3, 271, True), (3, 272, False), (4, 304, False), (2, 300, True)]
)
def test_vulkan_headers_too_old_for_the_engine_are_said(tmp_path, minor, patch, old):
    found = vulkan.missing(searched(tmp_path, VULKAN_SDK=str(sdk(tmp_path / "sdk", minor, patch))), FLOOR)
    if not old:
        assert found is None
        return
    assert found is not None
    assert found.what == f"Vulkan's headers are 1.{minor}.{patch}, and the engine needs 1.3.272 or newer"
    assert "Vulkan_INCLUDE_DIR" in found.fix


@pytest.mark.parametrize(
    ("without", "words"),
    [
        ({"glslc"}, "missing: glslc"),
        ({"vulkan_core.h"}, "Vulkan's headers, 1.3.272 or newer"),
        ({"libvulkan.so"}, "Vulkan's loader"),
        ({"SPIRV-HeadersConfig.cmake"}, "SPIR-V's headers"),
        ({"glslc", "libvulkan.so"}, "missing: glslc, Vulkan's loader (libvulkan.so)"),
    ],
)
def test_what_a_vulkan_build_lacks_is_said_in_one_line(tmp_path, without, words):
    found = vulkan.missing(searched(tmp_path, VULKAN_SDK=str(sdk(tmp_path / "sdk", without=without))), FLOOR)
    assert found is not None
    assert words in found.what


def test_newer_headers_that_the_operator_names_are_the_ones_that_count(tmp_path):
    sdk(tmp_path / "usr", patch=239)
    new = sdk(tmp_path / "new") / "include"
    assert vulkan.missing(searched(tmp_path), FLOOR) is not None
    named = SearchPath({"PATH": ""}, [f"-DVulkan_INCLUDE_DIR:PATH={new}"], tmp_path)
    assert vulkan.missing(named, FLOOR) is None


def test_what_a_rocm_build_lacks_is_said(tmp_path):
    found = rocm.missing(searched(tmp_path))
    assert found is not None
    assert found.what == "missing: hipcc, HIP, hipBLAS, rocBLAS (ROCm's HIP SDK)"
    files = ["bin/hipcc", *(f"lib/cmake/{name}/{name}-config.cmake" for name in ("hip", "hipblas", "rocblas"))]
    for name in files:
        path = tmp_path / "opt/rocm" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert rocm.missing(searched(tmp_path)) is None
    (tmp_path / "opt/rocm/.info").mkdir()
    (tmp_path / "opt/rocm/.info/version").write_text("6.0.2-115\n")
    found = rocm.missing(searched(tmp_path))
    assert found is not None
    assert "ROCm is 6.0" in found.what
