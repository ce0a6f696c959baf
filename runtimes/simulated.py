"""A runtime that only pretends: for tests and self-tests of the harness, never a default, its records never signed.

It waits instead of computing, with a rate, noise and faults that are known beforehand, so that estimates, findings
and verdicts can be held against the truth.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import numpy as np

from harness.errors import BadInput
from runtimes.interface import (
    Capabilities,
    Device,
    DeviceKind,
    ModelFiles,
    Option,
    RuntimeFacts,
    Watch,
    with_defaults,
)

VOCABULARY = 1000
WAKES_NS = 200_000  # a sleeper wakes late by less, where a core is free
DEPTH_DOUBLES = 16_384  # so many tokens in the cache make everything take twice as long
FAULTS = ("none", "hang", "crash", "kill", "garbage", "noise-on-stdout", "no-memory", "short", "cached", "load-error")


class Simulated:
    """The adapter; every option is a known truth."""

    name = "simulated"
    formats = ("gguf", "safetensors")
    capabilities = Capabilities(
        synthetic=True, in_core=True, holds_model=False, tokenises=False, batches=True, converses=True, deepens=True
    )
    options: Mapping[str, Option] = {
        "step_us": Option("true length of a decode step, microseconds", int, 500, minimum=1),
        "prefill_us": Option("true length of the prefill per prompt token, microseconds", int, 20, minimum=0),
        "within_ppm": Option(
            "standard deviation of a step within a process, parts per million", int, 10_000, minimum=0
        ),
        "between_ppm": Option("standard deviation between processes, parts per million", int, 10_000, minimum=0),
        "drift_ppm": Option("growth of a step from one trial to the next, parts per million", int, 0),
        "ambient_file": Option(
            "a file that counts the processes started with it: the machine's own course", str, "", outside=True
        ),
        "ambient_ppm": Option(
            "growth of a step from one process in ambient_file to the next, parts per million", int, 0
        ),
        "bimodal_ppm": Option("every second trial is slower by this much, parts per million", int, 0),
        "throttle_after": Option("trials after which steps take twice as long; 0: never", int, 0, minimum=0),
        "seed": Option("seed of the noise; 0: a fresh one each process", int, 0, minimum=0),
        "fault": Option("what goes wrong", str, "none", FAULTS),
        "fault_at": Option("the trial in which it goes wrong, from 0", int, 0, minimum=0),
        "fault_flag": Option(
            "a file: the fault strikes only while it does not exist, and makes it", str, "", outside=True
        ),
        "device": Option("the kind of device that it says it ran on", str, "cpu", ("cpu", "gpu")),
        "threads": Option("accepted and recorded", int, minimum=1),
        "context": Option("accepted and recorded", int, minimum=8),
        "prefix_cache": Option("keep a conversation; default: on where the suite is one", bool),
    }

    def load(self, model: ModelFiles, options: Mapping[str, Any]) -> LoadedSimulation:
        """Nothing is read from the model."""
        del model
        return LoadedSimulation(with_defaults(self.options, options))


def _counted(path: str) -> int:
    """How many processes were started with this file before; 0 without one."""
    if not path:
        return 0
    with open(path, "a+", encoding="ascii") as file:  # noqa: PTH123 - a plain call in a test double
        file.write(".")
        return file.tell() - 1


def _wait(began: int, ns: float) -> None:
    """Returns `ns` after `began`. Asleep but for the last part: who spins takes a core, and waits where others want it."""
    left = ns - (time.perf_counter_ns() - began)
    if left > WAKES_NS:
        time.sleep((left - WAKES_NS) / 1e9)
    while time.perf_counter_ns() - began < ns:
        pass


class LoadedSimulation:
    """Takes as long as its truth says."""

    def __init__(self, truth: Mapping[str, Any]) -> None:
        self._truth = truth
        self._random = np.random.Generator(np.random.PCG64(truth["seed"] or None))
        self._process = 1 + self._random.normal() * truth["between_ppm"] / 1e6
        self._process *= 1 + truth["ambient_ppm"] / 1e6 * _counted(truth["ambient_file"])
        self._trial = -1
        self._counters: dict[str, int] = {}
        self._depth = self._behind = 0
        self._seen: set[tuple[int, ...]] = set()
        if truth["fault"] == "load-error" and self._strikes():
            raise MemoryError("simulated: out of memory while loading")
        self.facts = RuntimeFacts(
            engine="simulated",
            version="1",
            package="repro-harness",
            commit="none",
            build={},
            settings={name: value for name, value in truth.items() if name != "prefix_cache" or value},
            devices=(Device("simulated", DeviceKind(truth["device"]), "no device at all"),),
            vocab_size=VOCABULARY,
            context_tokens=truth["context"] or 4096,
            bos_id=None,
            add_bos=False,
            clock="host",
        )

    def _strikes(self) -> bool:
        flag = self._truth["fault_flag"]
        if not flag:
            return True
        if os.path.exists(flag):  # noqa: PTH110 - a plain call in a test double
            return False
        os.close(os.open(flag, os.O_CREAT | os.O_WRONLY, 0o600))
        return True

    def tokenize(self, text: str, *, add_bos: bool) -> list[int]:
        """One id a word."""
        del add_bos
        return [int.from_bytes(sha256(word.encode()).digest()[:4], "big") % VOCABULARY for word in text.split()]

    def generate(
        self, prompt: Sequence[int], output_tokens: int, watch: Watch, *, forced: Sequence[int] | None = None
    ) -> list[int]:
        """Ids follow from prompt and position, so that repeats agree."""
        self._refuse_beyond(self._depth + len(prompt) + output_tokens)
        self._trial += 1
        self._fail()
        slower = self._process * (1 + self._truth["drift_ppm"] / 1e6 * self._trial)
        if self._truth["bimodal_ppm"] and self._trial % 2:
            slower *= 1 + self._truth["bimodal_ppm"] / 1e6
        if self._truth["throttle_after"] and self._trial >= self._truth["throttle_after"]:
            slower *= 2
        slower *= 1 + self._depth / DEPTH_DOUBLES
        step_ns = self._truth["step_us"] * 1000 * slower
        cached = self._truth["fault"] == "cached" and tuple(prompt) in self._seen
        self._seen.add(tuple(prompt))
        prefill_ns = 0 if cached else len(prompt) * self._truth["prefill_us"] * 1000 * slower
        noise = 1 + self._random.normal(size=output_tokens + 1) * self._truth["within_ppm"] / 1e6
        watch.start()
        began = time.perf_counter_ns()
        spent = 0.0
        for index in range(output_tokens if not prompt else max(output_tokens, 1)):
            spent += (prefill_ns + step_ns if index == 0 and prompt else step_ns) * noise[index]
            _wait(began, spent)
            if index == 0 and prompt:
                first_ns = time.perf_counter_ns() - began
            watch.step()
            watch.token()
        total = time.perf_counter_ns() - began
        self._counters = {"prefill_ns": 0, "prefill_tokens": 0, "decode_ns": total, "decode_steps": output_tokens}
        if prompt:
            self._counters = {
                "prefill_ns": first_ns,
                "prefill_tokens": 1 if cached else len(prompt),
                "decode_ns": total - first_ns,
                "decode_steps": max(output_tokens - 1, 0),
            }
        if self._depth:
            self._counters["cached_tokens"] = self._depth
        short = 1 if self._truth["fault"] == "short" else 0
        whole = self._behind + sum(prompt)
        ids = [(whole + 31 * index) % VOCABULARY for index in range(output_tokens - short)]
        return list(forced[: output_tokens - short]) if forced is not None else ids

    def generate_batch(
        self, prompts: Sequence[Sequence[int]], output_tokens: int, watches: Sequence[Watch]
    ) -> list[tuple[list[int], Mapping[str, int]]]:
        """All requests in step; each further one makes a step a tenth longer."""
        self._refuse_beyond(max(map(len, prompts)) + output_tokens)
        self._trial += 1
        step_ns = self._truth["step_us"] * 1000 * self._process * (1 + 0.1 * (len(prompts) - 1))
        began = time.perf_counter_ns()
        for watch in watches:
            watch.start()
        for index in range(output_tokens):
            _wait(began, step_ns * (index + 1))
            for watch in watches:
                watch.token()
        ids = [[(sum(prompt) + 31 * index) % VOCABULARY for index in range(output_tokens)] for prompt in prompts]
        return [(made, {"prefill_tokens": len(prompt)}) for made, prompt in zip(ids, prompts, strict=True)]

    def remember(self, ids: Sequence[int]) -> None:
        """See `Remembering`."""
        self._depth, self._behind = len(ids), sum(ids)

    def _refuse_beyond(self, tokens: int) -> None:
        if tokens > self.facts.context_tokens:
            raise BadInput(
                f"{tokens} tokens don't fit into a context of {self.facts.context_tokens}",
                where="-o context",
                fix="make it larger",
            )

    def _fail(self) -> None:
        fault = self._truth["fault"]
        if self._trial != self._truth["fault_at"] or fault in ("none", "short", "cached", "load-error"):
            return
        if not self._strikes():
            return
        if fault == "noise-on-stdout":
            for _ in range(200):
                sys.stdout.write("\0garbage " * 60_000)
        elif fault == "garbage":
            # Straight into the frames, where no runtime should ever write.
            os.write(int(sys.argv[-1]), b"\0garbage" * 40)
        elif fault == "hang":
            time.sleep(3600)
        elif fault == "crash":
            os.abort()
        elif fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif fault == "no-memory":
            raise MemoryError("simulated: out of memory")

    def score(self, tokens: Sequence[int]) -> float:
        """A constant."""
        del tokens
        return 1.0

    def counters(self) -> Mapping[str, int]:
        """What was simulated."""
        return self._counters

    def reset(self) -> None:
        """Nothing is kept, unless the fault is a cache."""
        self._counters, self._depth, self._behind = {}, 0, 0

    def close(self) -> None:
        """Nothing to free."""
