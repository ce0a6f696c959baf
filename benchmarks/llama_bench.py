"""llama-bench and llama-batched-bench on the shared libraries of an installed llama.cpp environment: the same machine code.

Only a tool's own two source files are compiled, from the locked sdist; half a minute, once.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
from pathlib import Path

from rig import Rig

from harness.run.prepare import lock_file


def build(rig: Rig, tool: str = "llama-bench") -> Path:
    """A program of llama.cpp's `tools`; made in the cache where it is missing."""
    folder = rig.cache / "peers" / f"llama-bench-{rig.place.folder.name}"
    program = folder / tool
    if program.exists():
        return program
    compiler = shutil.which("c++") or sys.exit("no C++ compiler")
    source = _source(rig, folder)
    own, common = source / "tools" / tool.removeprefix("llama-"), source / "common"
    if not own.exists():
        own = source / "tools" / tool
    packages = _packages(rig)
    print(f"building {tool}", file=sys.stderr)
    partial = folder / f"{tool}.partial"
    command = [compiler, "-O2", "-DNDEBUG", "-std=c++17", "-pthread", "-o", str(partial)]
    command += [f"-I{place}" for place in (own, common, source / "vendor", packages / "include")]
    command += [*map(str, sorted(own.glob("*.cpp"))), "-L", str(packages / "lib")]
    command += ["-lllama-common", "-lllama", "-lggml", "-lggml-base"]
    subprocess.run(command, check=True)
    os.replace(partial, program)
    return program


def _source(rig: Rig, folder: Path) -> Path:
    """The locked sdist's llama.cpp, unpacked into the folder once."""
    found = list(folder.glob("llama_cpp_python-*/vendor/llama.cpp"))
    if found:
        return found[0]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    block = dict(lock_file.blocks(rig.place.lock_text))["llama-cpp-python"]
    (folder / "wish.txt").write_text(block)
    print("fetching the sdist", file=sys.stderr)
    pip = [str(rig.place.python), "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    pip += ["--no-binary", "llama-cpp-python", "--dest", str(folder), "-r", str(folder / "wish.txt")]
    subprocess.run(pip, check=True)
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    return next(folder.glob("llama_cpp_python-*")) / "vendor" / "llama.cpp"


def rates(
    program: Path, rig: Rig, threads: int, repetitions: int, prompt: int = 0, output: int = 0
) -> tuple[float, list[float]]:
    """One process of one test: its mean, which is what it reports, and its repetitions, all tokens/s."""
    command = [str(program), "-m", str(rig.model), "-p", str(prompt), "-n", str(output), "-t", str(threads)]
    command += ["-b", "2048", "-ub", "512", "-fa", "1", "-ngl", "0", "-r", str(repetitions), "-o", "json"]
    done = subprocess.run(command, env=os.environ | variables(rig), capture_output=True, text=True, check=True)
    samples = json.loads(done.stdout)[0]["samples_ts"]
    return statistics.fmean(samples), samples


def variables(rig: Rig) -> dict[str, str]:
    """The libraries that the worker loads come first; `common`, which it does not need, lies beside a copy of them."""
    packages = _packages(rig)
    return {"LD_LIBRARY_PATH": f"{packages / 'llama_cpp' / 'lib'}:{packages / 'lib'}"}


def _packages(rig: Rig) -> Path:
    return next(rig.place.folder.glob("lib/python3*/site-packages"))
