"""The peer of parity_pytorch.py: a transformers decode loop over a static cache, as one would write it by hand.

Run by the runtime's interpreter, without a line of the harness: FOLDER THREADS PROMPT OUTPUT WARMUPS TRIALS CONTEXT.
Prints the seconds of prefill and decode of each trial as JSON.
"""

import json
import sys
import time

import torch
from transformers import AutoModelForCausalLM, StaticCache

folder = sys.argv[1]
threads, n_prompt, n_out, warmups, trials, context = map(int, sys.argv[2:])
torch.set_num_threads(threads)
model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto", attn_implementation="sdpa").eval()
cache = StaticCache(config=model.config, max_cache_len=context)
ids = torch.tensor([[2, *((7919 * i) % 200_000 + 10 for i in range(1, n_prompt))]])
made = []
with torch.inference_mode():
    for _ in range(warmups + trials):
        cache.reset()
        start = time.perf_counter()
        positions = torch.arange(n_prompt)[None]
        out = model(input_ids=ids, position_ids=positions, past_key_values=cache, use_cache=True, logits_to_keep=1)
        token = out.logits[:, -1].argmax(-1, keepdim=True)
        first = time.perf_counter()
        for index in range(n_out - 1):
            position = torch.tensor([[n_prompt + index]])
            out = model(input_ids=token, position_ids=position, past_key_values=cache, use_cache=True, logits_to_keep=1)
            token = out.logits[:, -1].argmax(-1, keepdim=True)
        made.append({"prefill": first - start, "decode": time.perf_counter() - first})
print(json.dumps(made[warmups:]))
