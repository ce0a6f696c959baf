"""Our MLX rates against those that mlx-lm's stream_generate tells, on the same model, trial by trial in one process."""

from __future__ import annotations

import alternate
import machine
from pairs import Quantity, until_decided
from rig import MODEL, ready

BAND = (0.97, 1.03)


def main() -> None:
    parser = alternate.parser(__doc__, threads=False)
    parser.add_argument("--prompt", type=int, default=32, help="tokens of a prefill")
    parser.add_argument("--output", type=int, default=6, help="tokens of a decode")
    chosen = parser.parse_args()
    quantities = {
        "prefill": Quantity(f"prefill of {chosen.prompt} tokens, first choice included, the next step queued"),
        "decode": Quantity(f"greedy decode of {chosen.output} tokens after 16"),
    }
    rig, before = ready("mlx"), machine.load()
    with alternate.peer(rig, "mlx_alternate.py", [str(rig.model), str(chosen.prompt), str(chosen.output)]) as source:
        made = until_decided(quantities, source.add, chosen.looks, chosen.limit_s, band=BAND)
    what = (
        f"Model {MODEL} as bf16 safetensors, on MLX's device cpu. Rates in tokens/s. The peer is `mlx_lm.stream_generate`",
        "on the same model, by what it tells: `prompt_tps`, and `generation_tps` less the interval that it counts too many.",
    )
    looks = " ".join(map(str, chosen.looks))
    command = f"python benchmarks/parity_mlx.py --looks {looks} --prompt {chosen.prompt} --output {chosen.output}"
    title, name = "Parity with mlx-lm's stream_generate", "stream_generate"
    text = alternate.page(title, command, what, name, quantities, made, chosen.looks, before, BAND)
    alternate.write(chosen.out, text, made)


if __name__ == "__main__":
    main()
