"""`repro fit` for people: what lies where, whether it fits, the longest context, the layers that would spill."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.fit.answer import Answer, Verdict, limit
from harness.fit.need import Need, Place
from harness.units import memory

if TYPE_CHECKING:
    from rich.console import Console

    from harness.run.prepare.fit import Found

_TITLES = {Place.DEVICE: "GPU memory", Place.MEMORY: "main memory"}
SAID = {
    Verdict.FITS: "yes, whole",
    Verdict.FROM_FILE: "it runs, but the weights do not stay in memory: they are read again from disk, which is slow",
    Verdict.NO: "no",
    Verdict.UNKNOWN: "unknown: what is known of it fits, or how much is free is not known",
}


def print_fit(console: Console, found: Found) -> None:
    """The answer in a few lines."""

    def say(text: str) -> None:
        console.print(text, markup=False, soft_wrap=True)

    need = found.answer.need
    say(f"{found.title}: {need.layers} layers, trained for {_tokens(found.engine.context_trained)}")
    say(f"{found.load.adapter.name} on {found.where}, context {need.context:,}{_each(found)}{_kv(found)}")
    for place in Place:
        if any(need.at(place)):
            _print_place(say, found, place)
    for reason in need.unknown:
        say(f"unknown: {reason}")
    say("")
    say(f"{'fits':26} {SAID[found.answer.verdict]}")
    say(f"{'longest context':26} {_longest(found)}")
    if found.answer.device_layers is not None:
        say(f"{'layers on the GPU':26} {_layers(found.answer)}")
    say("")
    say(f"{'context':>10} {'cache':>12} {'together':>12}  fits")
    for other in found.others:
        say(f"{other.need.context:>10,} {_cache(other.need):>12} {_together(other.need):>12}  {other.verdict.value}")


def _print_place(say: Any, found: Found, place: Place) -> None:
    need, free = found.answer.need, limit(found.room, place, found.engine.share)
    title = "shared memory" if place is Place.MEMORY and found.room.shared else _TITLES[place]
    of = "how much is free is not known" if free is None else f"{memory(free)} may be taken"
    if found.room.source and (place is Place.DEVICE or found.room.shared):
        of += f" (by {found.room.source})"
    elif place is Place.DEVICE and found.room.unknown:
        of += f": {found.room.unknown}"
    say(f"{title}: {of}")
    for part in need.at(place):
        size = "unknown" if part.size_bytes is None else memory(part.size_bytes)
        say(f"  {part.kind:26} {size:>12}" + ("  of the file, mapped" if part.mapped else ""))
    say(f"  {'together':26} {_sum(need, place):>12}")


def _sum(need: Need, place: Place) -> str:
    total = need.total(place)
    return memory(total) if total is not None else f"≥ {memory(need.known(place))}"


def _together(need: Need) -> str:
    totals = [need.total(place) for place in Place]
    known = sum(need.known(place) for place in Place)
    return f"≥ {memory(known)}" if None in totals else memory(known)


def _cache(need: Need) -> str:
    parts = [part for part in need.parts if part.kind.startswith(("KV cache", "recurrent"))]
    if any(part.size_bytes is None for part in parts):
        return "unknown"
    return memory(sum(part.size_bytes or 0 for part in parts))


def _each(found: Found) -> str:
    """The context is that of one request, where there is room for several."""
    several = found.load.options.get("sequences")
    return f" for each of {several} requests at once" if isinstance(several, int) and several > 1 else ""


def _kv(found: Found) -> str:
    options = found.load.options
    if "type_k" in options:
        return f", KV cache {options['type_k']}/{options['type_v']}, up to {options['ubatch']} tokens at once"
    return ""


def _tokens(trained: int | None) -> str:
    return "an unknown context" if trained is None else f"{trained:,} tokens"


def _longest(found: Found) -> str:
    longest = found.answer.longest
    if longest is None:
        return "unknown"
    if not longest:
        return "none fits"
    return f"{longest:,}" + (", all that it was trained for" if longest == found.engine.context_trained else "")


def _layers(answer: Answer) -> str:
    count, most = answer.need.layers, answer.device_layers or 0
    if most > count:
        return f"all {count} and the output (-o gpu_layers=-1)"
    left = answer.spilled
    stay = f"layers {left.start}–{left.stop - 1} stay in main memory"
    return f"{most} of {count + 1}, the output first (-o gpu_layers={most}); {stay}"


def to_json(found: Found) -> dict[str, Any]:
    """Bytes as integers, what is not known as null."""
    return {
        "model": found.title,
        "runtime": found.load.adapter.name,
        "where": found.where,
        "options": dict(found.load.options),
        "context_trained": found.engine.context_trained,
        "layers": found.answer.need.layers,
        "room": {
            "source": found.room.source or found.room.unknown or "this machine",
            "device": found.room.device or None,
            "shared": found.room.shared,
            "device_free_bytes": found.room.device_free,
            "device_total_bytes": found.room.device_total,
            "memory_free_bytes": found.room.memory_free,
            "memory_total_bytes": found.room.memory_total,
        },
        **_answer(found.answer),
        "longest_context": found.answer.longest,
        "device_layers": found.answer.device_layers,
        "spilled_layers": list(found.answer.spilled),
        "contexts": [_answer(other) for other in found.others],
    }


def _answer(answer: Answer) -> dict[str, Any]:
    need = answer.need
    return {
        "context": need.context,
        "verdict": answer.verdict.value,
        "total_bytes": {place.value: need.total(place) for place in Place if any(need.at(place))},
        "parts": [
            {
                "kind": p.kind,
                "place": p.place.value,
                "bytes": p.size_bytes,
                "mapped": p.mapped,
                "must_lie_bytes": p.must_lie,
            }
            for p in need.parts
        ],
        "unknown": list(need.unknown),
    }
