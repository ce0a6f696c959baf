"""Our vLLM trials against `vllm bench latency` on the same shape, trial by trial in one process, each on an engine of its own.

Compared is what the tool reports, the latency of a whole request; as a rate (requests/s), so that above 1 means faster.
"""

from __future__ import annotations

import alternate
import machine
from pairs import Quantity, until_decided
from rig import MODEL, ready

from runtimes.support.cpu_choice import allowed_cpus, cpus_for

CONTEXT, KV_MIB = 512, 512


def main() -> None:
    parser = alternate.parser(__doc__, limit_s=1800)
    parser.add_argument(
        "--eager", action="store_true", help="both without torch.compile: a start in a tenth of the time"
    )
    chosen = parser.parse_args()
    quantities = {"short": Quantity("128 in, 12 out"), "prefill": Quantity("256 in, 1 out (prefill)")}
    rig, before = ready("vllm"), machine.load()
    cores = ",".join(map(str, cpus_for(chosen.threads, allowed_cpus())))
    own = {"OMP_NUM_THREADS": str(chosen.threads), "VLLM_CPU_OMP_THREADS_BIND": cores}
    numbers = [str(number) for number in (chosen.threads, CONTEXT, KV_MIB, int(chosen.eager))]
    with alternate.peer(rig, "vllm_alternate.py", [str(rig.model), *numbers], own) as source:
        made = until_decided(quantities, source.add, chosen.looks, chosen.limit_s)
    what = (
        f"Model {MODEL} as bf16 safetensors, CPU, threads: {chosen.threads},"
        f" {'eager' if chosen.eager else 'compiled as vLLM does by default'}, engine cores in",
        "the process, both greedy, batch 1. Requests/s.",
    )
    command = f"python benchmarks/parity_vllm.py --looks {' '.join(map(str, chosen.looks))}"
    command += " --eager" if chosen.eager else ""
    name = "vllm bench latency"
    text = alternate.page("Parity with vllm bench latency", command, what, name, quantities, made, chosen.looks, before)
    alternate.write(chosen.out, text, made)


if __name__ == "__main__":
    main()
