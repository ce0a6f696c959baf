"""Our OpenVINO rates against the times that LLMPipeline tells of itself, trial by trial in one process."""

from __future__ import annotations

import alternate
import machine
from pairs import Quantity, until_decided
from rig import ready

MODEL = "smollm2-135m-instruct-q4_1"


def main() -> None:
    parser = alternate.parser(__doc__)
    parser.add_argument("--prompt", type=int, default=256, help="tokens of a prefill")
    parser.add_argument("--output", type=int, default=24, help="tokens of a decode")
    chosen = parser.parse_args()
    quantities = {
        "prefill": Quantity(f"prefill of {chosen.prompt} tokens, first choice included"),
        "decode": Quantity(f"greedy decode of {chosen.output} tokens after 16"),
    }
    rig, before = ready("openvino", MODEL), machine.load()
    numbers = [str(one) for one in (chosen.threads, chosen.prompt, chosen.output)]
    with alternate.peer(rig, "openvino_alternate.py", [str(rig.model), *numbers]) as source:
        made = until_decided(quantities, source.add, chosen.looks, chosen.limit_s)
    what = (
        f"Model {MODEL}, CPU, threads: {chosen.threads}; types as OpenVINO chooses.",
        "Rates in tokens/s. The peer is `openvino_genai.LLMPipeline` on the same file and scheduler: no prefix cache,",
        "1 GiB of KV cache set aside. Counted is what it tells of itself: prompt / TTFT, and 1 / TPOT of its `perf_metrics`.",
    )
    looks = " ".join(map(str, chosen.looks))
    command = f"python benchmarks/parity_openvino.py --looks {looks} --prompt {chosen.prompt} --output {chosen.output}"
    command += f" --threads {chosen.threads}"
    title, name = "Parity with LLMPipeline's own metrics", "LLMPipeline"
    text = alternate.page(title, command, what, name, quantities, made, chosen.looks, before)
    alternate.write(chosen.out, text, made)


if __name__ == "__main__":
    main()
