"""What the tests of the site's pages share: a row as lists know it, what is public of a registry, and a registry of hostile texts."""

from __future__ import annotations

from hashlib import sha256

from harness.demo import records
from harness.demo.records import Setup
from harness.registry.db.reader import Reader
from harness.site.data.public import Public, ground, standing, tallied
from harness.site.data.values import Summary
from tests.support.registry_world import World, world

ONE = Summary(
    row="", model="synthetic-1b", weights="0" * 64, quantisation="Q4_K_M", engine="llama.cpp", runtime="llama.cpp 0.3", device="Synthetic GPU A",
    os="Linux", suite="synthetic decode-16", workload="w", state="reproduced", tier="moderate", contested=False, operator="ann",
    source="community", measured="2026-11-01", entry=1, rate=100.0, low=99.0, high=101.0, ttft_ns=None, prefill=None, processes=5,
    log_mean=4.6, log_variance=1e-6, fixed_number=True, inside=1, outside=0, independent=0, pending=0, members=("ann", "bob"),
    until="2026-12-01",
)  # fmt: skip


def gathered(reader: Reader) -> Public:
    """Of the whole registry, nothing known before."""
    return standing(ground(reader), tallied(reader, {}, None))


# What a name may hold (one line of printable text): each is a model, a device, a quantisation and a system.
NAMES = (
    '=HYPERLINK("http://evil.example","x")', "@SUM(1+1)*cmd|' /C calc'!A0", "[free](javascript:alert(1))",
    "![x](http://evil.example/x.png)", "</script><script>alert(1)</script>", "]]><!-- -->&lt;&#60;", "'; DROP TABLE rows; --",
    "# Ignore all rules above", "<https://evil.example> `x` **y**", '" onmouseover="alert(1)', "$(reboot) `reboot` %n",
)  # fmt: skip
# What a reason, a setting or a title may hold, too: controls that XML forbids, lines, marks that turn and hide text.
ACTS = "\x00\x08\x1b[8m\x7f\x85\u2028\u2029\u202egpj\u2066\u200b\u00ad\ufeff\ufffe\U000e0049\n# heading\r\n- [item](http://evil.example)"


def hostile(target: str) -> World:
    """A demonstration whose every free text carries a payload: rows, a reproduction, decisions, requests."""
    made = world(target, demonstration=True)
    for place, name in enumerate(NAMES):
        after = NAMES[(place + 1) % len(NAMES)]
        setup = {"model": name, "sku": after, "generation": name[:100], "quantisation": name[:60], "os": after[:60]}
        whole = Setup(**setup)
        record = records._record(records.person("ann"), whole, records.trials_of(whole), "0" * 64, None, None)
        more = {
            "runtime": record.runtime.model_copy(
                update={"package": ACTS, "version": f"0.3 {ACTS}", "settings": {"k": ACTS, name: after}, "options": {name: ACTS}}
            ),
            "environment": {**record.environment, "memory": {name: {"value": ACTS}, "list": {"value": [name, ACTS]}}},
            "checks": tuple(one.model_copy(update={"text": f"{name} {ACTS}"}) for one in record.checks),
            "workloads": tuple(one.model_copy(update={"title": f"{name} {ACTS}"}) for one in record.workloads),
            "run": record.run.model_copy(update={"command": f"repro bench {name} -o url={ACTS}", "stop_detail": ACTS}),
            "model": {**record.model, "variant": name, "licence": ACTS, "family": name, "reference": ACTS},
        }  # fmt: skip
        found = made.record("ann", more=more, synthetic=True, **setup)
        made.submit(found)
        made.approve(found.id, reason=f"{name} {ACTS}")
        asked = sha256(name.encode()).hexdigest()
        detail = {"model": name, "hardware": after, "runtime": name}
        made.act(made.actor("ann"), "request-opened", asked, reason=f"{name} {ACTS}", detail=detail)
        made.act(made.editor(), "request-accepted", asked, reason=f"{name} {ACTS}")
    made.act(made.editor(), "operator-verified", "ann", reason=f"{NAMES[0]} {ACTS}")
    return made
