"""The peer of server_cost.py: an engine in process and its server, both in this process's care, in turns.

Run by the runtime's interpreter: DESCRIPTOR SERVER ENGINE MODEL FORMAT PROMPT OUTPUT OPTIONS(JSON, of both) SERVER_OPTIONS(JSON)
"""

import json
import os
import sys

from alternating import Ours, alternate, serve

from harness.measure.workload import WorkloadPlan

# A session of its own, as a worker has and as the server gets: Linux shares a busy machine out by sessions.
os.setsid()
descriptor, server, engine, model, model_format, n_prompt, n_out, options, server_options = sys.argv[1:]
n_prompt, n_out, options = int(n_prompt), int(n_out), json.loads(options)
ids = (2, *((7919 * i) % 9_000 + 10 for i in range(1, n_prompt)))
workloads = [
    WorkloadPlan("prefill", "forced", ids, 0),
    WorkloadPlan("decode", "greedy", ids[:16], n_out),
    WorkloadPlan("ttft", "greedy", ids[:16], 1),
]
# The server first: it must not inherit what the engine sets for itself.
there = Ours(server, model, model_format, options | json.loads(server_options), workloads)
here = Ours(engine, model, model_format, options, workloads)
print(json.dumps({"server": there.loaded.facts.version, "in process": here.loaded.facts.version}), file=sys.stderr)


def both(test, of):
    return lambda: of(there.measured(test)), lambda: of(here.measured(test))


BOTH = {
    "decode": both("decode", lambda one: one.decode_rate),
    "prefill": both("prefill", lambda one: one.prefill_rate),
    "ttft": both("ttft", lambda one: one.ttft / 1e6),
}
for _ in range(3):
    for pair in BOTH.values():
        for measure in pair:
            measure()
try:
    serve(int(descriptor), lambda test, order: alternate(order, *BOTH[test]))
finally:
    there.loaded.close()
    here.loaded.close()
