"""Our llama.cpp rates against a loop in C over the same context: same memory, threads and clocks, trial by trial in turns.

The loop is peers/llama_cpp_loop.c, compiled here against the headers and libraries of the environment that we measure in.
It does what llama-bench does for pp and tg; run_to_run.py has llama-bench itself.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import alternate
import machine
from pairs import Quantity, until_decided
from rig import MODEL, Rig, ready

FLOORS = {"tg": 0.995, "pp": 0.99, "greedy": 0.985}  # of the median
LOOP = alternate.PEERS / "llama_cpp_loop.c"


def build(rig: Rig, target: Path) -> Path:
    """The loop as a shared object."""
    compiler = shutil.which("cc") or sys.exit("no C compiler")
    packages = next(rig.place.folder.glob("lib/python3*/site-packages"))
    libraries = packages / "llama_cpp" / "lib"
    command = [compiler, "-shared", "-fPIC", "-O2", "-I", str(packages / "include"), str(LOOP), "-o", str(target)]
    subprocess.run([*command, "-L", str(libraries), "-lllama", f"-Wl,-rpath,{libraries}"], check=True)
    return target


def main() -> None:
    parser = alternate.parser(__doc__)
    parser.add_argument("--prompt", type=int, default=256, help="tokens of a prefill")
    parser.add_argument("--output", type=int, default=24, help="tokens of a decode")
    parser.add_argument(
        "--processor-time", action="store_true", help="with one thread: rates by processor time, for a busy machine"
    )
    parser.add_argument("--only", nargs="+", choices=FLOORS, default=list(FLOORS), help="these quantities alone")
    chosen = parser.parse_args()
    if chosen.processor_time and chosen.threads != 1:
        parser.error("--processor-time needs --threads 1: of several, all that wait for each other would count")
    titles = {
        "tg": f"decode, forced (tg{chosen.output}@d0)",
        "pp": f"prefill, forced (pp{chosen.prompt}@d0)",
        "greedy": "greedy decode, our choice included, against the loop without one",
    }
    quantities = {name: Quantity(titles[name], FLOORS[name]) for name in chosen.only}
    clock = "processor" if chosen.processor_time else "time"
    rig, before = ready(), machine.load()
    with tempfile.TemporaryDirectory() as folder:
        library = build(rig, Path(folder) / "loop.so")
        numbers = [str(number) for number in (chosen.threads, chosen.prompt, chosen.output)]
        with alternate.peer(rig, "llama_cpp_alternate.py", [str(rig.model), *numbers, str(library), clock]) as source:
            made = until_decided(quantities, source.add, chosen.looks, chosen.limit_s)
    unit = "tokens a second of processor time" if chosen.processor_time else "tokens/s"
    what: tuple[str, ...] = (
        f"Model {MODEL}, threads: {chosen.threads}, batch 2048, ubatch 512, flash attention on, KV f16. Rates in {unit}.",
        "The loop in C calls the same library on the same llama_context; it stamps start and end, chooses nothing.",
    )
    what += (alternate.BUSY,) if chosen.processor_time else ()
    looks = " ".join(map(str, chosen.looks))
    command = f"python benchmarks/parity_llama_cpp.py --looks {looks} --prompt {chosen.prompt} --output {chosen.output}"
    command += f" --only {' '.join(chosen.only)}" if len(chosen.only) < len(FLOORS) else ""
    command += " --threads 1 --processor-time" if chosen.processor_time else ""
    text = alternate.page(
        "Parity with a loop in C over llama.h", command, what, "loop", quantities, made, chosen.looks, before
    )
    alternate.write(chosen.out, text, made)


if __name__ == "__main__":
    main()
