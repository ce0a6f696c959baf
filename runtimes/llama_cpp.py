"""llama.cpp through the low-level calls of llama-cpp-python: decode, synchronise, stamp. Never its high-level loop,
which keeps prompt prefixes, samples and turns ids into text inside what would be timed.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.device_kinds import OFFLOADED
from harness.errors import BadInput, RunFailed, RuntimeUnavailable
from runtimes.interface import (
    Capabilities,
    EngineFacts,
    ModelFiles,
    RuntimeFacts,
    Scalar,
    Watch,
    with_defaults,
)
from runtimes.support import device_choice, failure_signs
from runtimes.support.device_choice import SPLIT_MODES, chosen
from runtimes.support.ggml_devices import Listed
from runtimes.support.llama_cpp_api import missing_of, set_load_mode
from runtimes.support.llama_cpp_build import LogTap, commit, devices, engine_version, package, system_info
from runtimes.support.llama_cpp_draft import METHODS, Drafting, account
from runtimes.support.llama_cpp_import import explained
from runtimes.support.llama_cpp_options import FLASH_ATTENTION, KV_TYPES, OPTIONS
from runtimes.support.llama_cpp_placement import computed_on, placement_of, settings_of, used
from runtimes.support.llama_cpp_sequences import Made, Sequences
from runtimes.support.llama_cpp_states import States

SCORE_CHUNK = 8  # every logit row of a chunk is kept: 8 rows of a 262k vocabulary are 8 MiB, so peak memory stays true


class LlamaCpp:
    """The adapter. Batch sizes, KV type and threads default to what llama-bench uses."""

    name = "llama.cpp"
    formats = ("gguf",)
    capabilities = Capabilities(batches=True, converses=True, deepens=True, describes=True, probes=True)
    failure_signs = failure_signs.LLAMA_CPP
    options = OPTIONS

    def load(self, model: ModelFiles, options: Mapping[str, Any]) -> LoadedLlama:
        """Load the file and make the context."""
        return LoadedLlama(_engine(), model, with_defaults(self.options, options))

    def describe(self) -> EngineFacts:
        """See `Describing.describe`."""
        engine = _engine()
        engine.llama_backend_init()
        found = tuple(one.device for one in devices())
        return EngineFacts("llama.cpp", engine_version(), package(), commit(), system_info(engine), found)

    def probe(self) -> str:
        """See `Probing`."""
        from llama_cpp import llama_cpp as engine

        return missing_of(engine)


def _engine() -> Any:
    try:
        from llama_cpp import llama_cpp as engine
    except (ImportError, OSError, RuntimeError) as error:
        what, fix = explained(str(error))
        code = "" if isinstance(error, ImportError) else "library"
        raise RuntimeUnavailable(what, where="llama.cpp", fix=fix, code=code) from error
    return engine


class LoadedLlama:
    """One model and one context; one request alone is in sequence 0."""

    def __init__(self, engine: Any, model: ModelFiles, options: Mapping[str, Any]) -> None:
        self._engine = engine
        if METHODS[options["draft"]] and options["batch"] == 1:
            raise BadInput("a draft needs room in a step for itself", where="-o batch=1", fix="-o batch=8, or more")
        self._log = LogTap(engine)
        engine.llama_backend_init()
        found = devices()
        self._choice = chosen(options, found)
        layers = options["gpu_layers"]
        if layers is None:
            layers = -1 if self._choice.candidates else 0
        self._model = self._open(model, options, layers)
        self._context = self._make_context(options)
        self._memory = engine.llama_get_memory(self._context)
        self._vocab = engine.llama_model_get_vocab(self._model)
        self._vocab_size = int(engine.llama_vocab_n_tokens(self._vocab))
        self._capacity = int(engine.llama_n_batch(self._context))
        self._batch = engine.llama_batch_init(self._capacity, 0, 1)
        for slot in range(self._capacity):
            self._batch.n_seq_id[slot] = 1
            self._batch.seq_id[slot][0] = 0
        self._sequences = Sequences(engine, self._context, self._capacity, options["sequences"] or 1)
        self._states = States(engine, self._context)
        self._history: Sequence[int] = ()  # in the cache before the next prompt
        self._drafting = None
        if METHODS[options["draft"]]:
            most = min(options["draft_max"], self._capacity - 1)
            self._drafting = Drafting(engine, self._context, self._memory, self._batch, most)
        self._drafted: dict[str, int] = {}
        self._rows: dict[int, NDArray[np.float32]] = {}
        self.facts = self._facts(options, layers, found)
        self._log.forget_errors()
        self._log.quiet()

    def _open(self, model: ModelFiles, options: Mapping[str, Any], layers: int) -> Any:
        params = self._engine.llama_model_default_params()
        params.n_gpu_layers = layers
        set_load_mode(params, options["load_mode"])
        params.use_extra_bufts = bool(options["repack"])
        choice = self._choice
        params.split_mode = SPLIT_MODES[choice.split_mode]
        params.main_gpu = choice.main_gpu
        if choice.devices is not None:
            # Null-terminated; read while the model is made, and never after.
            handles = (ctypes.c_void_p * (len(choice.devices) + 1))(*(one.handle for one in choice.devices), None)
            params.devices = ctypes.cast(handles, ctypes.c_void_p)
        if choice.shares:
            room = max(int(self._engine.llama_max_devices()), len(choice.shares))
            self._shares = (ctypes.c_float * room)(*choice.shares)  # the model keeps the address
            params.tensor_split = self._shares
        handle = self._engine.llama_model_load_from_file(str(model.path).encode(), params)
        if not handle:
            said = self._log.last_error(failure_signs.LLAMA_CPP)
            damaged = self._log.error_like(failure_signs.LLAMA_CPP_DAMAGED)
            raise (BadInput if damaged else RunFailed)(
                f"llama.cpp can't load it ({said or 'no reason given'})",
                where=model.path.name,
                fix="check the architecture against the engine's version, or take another file",
            )
        self._log.forget_errors()
        return handle

    def _make_context(self, options: Mapping[str, Any]) -> Any:
        engine, params = self._engine, self._engine.llama_context_default_params()
        params.n_seq_max = options["sequences"] or 1
        params.n_ctx = options["context"] * params.n_seq_max  # of which each sequence has its part
        params.n_batch = min(options["batch"], params.n_ctx)
        params.n_ubatch = min(options["ubatch"], params.n_batch)
        params.n_threads = options["threads"]
        params.n_threads_batch = options["threads_batch"] or options["threads"]
        params.flash_attn_type = FLASH_ATTENTION[options["flash_attn"]]
        params.type_k = KV_TYPES[options["type_k"]]
        params.type_v = KV_TYPES[options["type_v"]]
        params.offload_kqv = bool(options["offload_kqv"])
        # A draft that is taken back may have pushed tokens out of a sliding window.
        params.swa_full = bool(options["swa_full"] or METHODS[options["draft"]])
        params.no_perf = False  # the engine's own counters are our cross-check
        context = engine.llama_init_from_model(self._model, params)
        if not context:
            asked = self._log.error_like(failure_signs.LLAMA_CPP_SETTINGS)
            said = self._log.last_error(failure_signs.LLAMA_CPP)
            raise (BadInput if asked else RunFailed)(
                f"llama.cpp can't make a context ({said or 'no reason given'})",
                where="llama.cpp",
                fix="try a smaller -o context, -o flash_attn=on with a quantised KV type, or more memory",
            )
        return context

    def _facts(self, options: Mapping[str, Any], layers: int, found: tuple[Listed, ...]) -> RuntimeFacts:
        engine, context, text = self._engine, self._context, self._log.text()
        all_of_them = [one.device for one in found]
        placement = placement_of(text, all_of_them)
        computing = used(all_of_them, placement, layers)
        places = {one.name: one.place for one in found}
        apart = [places[device.name] for device in computing if device.kind in OFFLOADED]
        description = ctypes.create_string_buffer(256)
        engine.llama_model_desc(self._model, description, 256)
        settings: dict[str, Scalar] = {
            "threads": int(engine.llama_n_threads(context)),
            "threads_batch": int(engine.llama_n_threads_batch(context)),
            "batch": int(engine.llama_n_batch(context)),
            "ubatch": int(engine.llama_n_ubatch(context)),
            "context": int(engine.llama_n_ctx(context)) // self._sequences.count,
            "gpu_layers": layers,
            "gpu_layers_offloaded": None,
            "flash_attn": self._flash_attention(options, text),
            "type_k": options["type_k"],
            "type_v": options["type_v"],
            "swa_full": bool(options["swa_full"] or self._drafting),
            "load_mode": options["load_mode"],
            "repack": bool(options["repack"]),
            "offload_kqv": bool(options["offload_kqv"]),
            "memory_clear": "llama_memory_clear",
            "batching": 1,
            **({"sequences": self._sequences.count} if self._sequences.count > 1 else {}),
            **({"prefix_cache": True} if options["prefix_cache"] else {}),
            **({} if self._drafting is None else self._drafting.settings(options["draft"])),
            **settings_of(computing, placement),
            **device_choice.settings_of(self._choice, len(apart), str(options["tensor_split"] or "")),
        }
        bos = int(engine.llama_vocab_bos(self._vocab))
        return RuntimeFacts(
            engine="llama.cpp",
            version=engine_version(),
            package=package(),
            commit=commit(),
            build=system_info(engine),
            settings=settings,
            devices=computing,
            computed_on=computed_on(computing, placement),
            device_places=tuple(apart),
            vocab_size=self._vocab_size,
            context_tokens=int(engine.llama_n_ctx(context)) // self._sequences.count,
            bos_id=bos if bos >= 0 else None,
            add_bos=bool(engine.llama_vocab_get_add_bos(self._vocab)),
            clock="host, after llama_synchronize",
            model={
                "description": description.value.decode(errors="replace"),
                "size_bytes": int(engine.llama_model_size(self._model)),
                "parameters": int(engine.llama_model_n_params(self._model)),
                "layers": int(engine.llama_model_n_layer(self._model)),
                "context_trained": int(engine.llama_model_n_ctx_train(self._model)),
            },
        )

    def _flash_attention(self, options: Mapping[str, Any], text: str) -> str:
        asked: str = options["flash_attn"]
        if asked != "auto":
            return asked
        resolved = self._log.find(r"Flash Attention (?:was auto, set to )?(enabled|disabled)", text)
        return {"enabled": "on", "disabled": "off"}.get(resolved or "", "auto, resolution not reported")

    def tokenize(self, text: str, *, add_bos: bool) -> list[int]:
        """Ids of `text`; a text that names special tokens gets their letters, not the tokens."""
        raw = text.encode()
        room = len(raw) + 8
        ids = (self._engine.llama_token * room)()
        made = self._engine.llama_tokenize(self._vocab, raw, len(raw), ids, room, add_bos, False)
        if made < 0:
            raise RunFailed(f"llama_tokenize needs {-made} slots for {len(raw)} bytes", where="llama.cpp")
        return list(ids[:made])

    def generate(
        self, prompt: Sequence[int], output_tokens: int, watch: Watch, *, forced: Sequence[int] | None = None
    ) -> list[int]:
        """See `LoadedRuntime.generate`. The choice is numpy's arg-max over the logits where they lie."""
        engine, context, batch = self._engine, self._context, self._batch
        decode, synchronize = engine.llama_decode, engine.llama_synchronize
        token, position = batch.token, batch.pos
        step, stamp, choose = watch.step, watch.token, self._choose
        made: list[int] = []
        filled = len(self._history) + len(prompt)
        watch.start()
        if prompt:
            self._feed(prompt, begin=len(self._history))
            synchronize(context)
            step()
            if output_tokens:
                made.append(choose() if forced is None else forced[0])
            stamp()
            if self._drafting is not None and forced is None:
                before, prefill = [*self._history, *prompt], self.counters()
                found = self._drafting.decode(before, made, output_tokens, watch, self._chosen, self._refuse)
                self._drafted = account(prefill, found)
                return made
        batch.n_tokens = 1
        batch.logits[0] = 1
        # After a prefill the newest id is fed next; without one, the list is fed from its start.
        for index in range(len(made), output_tokens):
            token[0] = made[-1] if prompt else forced[index]  # type: ignore[index]
            position[0] = filled + index - (1 if prompt else 0)
            code = decode(context, batch)
            if code:
                self._refuse(code)
            synchronize(context)
            step()
            made.append(choose() if forced is None else forced[index])
            stamp()
        return made

    def remember(self, ids: Sequence[int]) -> None:
        """See `Remembering`."""
        engine, key = self._engine, tuple(ids)
        if not self._states.restore(key):
            self._feed(ids)
            engine.llama_synchronize(self._context)
            self._states.save(key)
        engine.llama_perf_context_reset(self._context)
        self._history = key

    def generate_batch(self, prompts: Sequence[Sequence[int]], output_tokens: int, watches: Sequence[Watch]) -> Made:
        """See `Batching.generate_batch`."""
        return self._sequences.generate(prompts, output_tokens, watches, self._chosen, self.counters, self._refuse)

    def _feed(self, ids: Sequence[int], every_logit: bool = False, begin: int = 0) -> None:
        batch, last = self._batch, len(ids) - 1
        for chunk in range(0, len(ids), self._capacity):
            size = min(self._capacity, len(ids) - chunk)
            for slot in range(size):
                batch.token[slot] = ids[chunk + slot]
                batch.pos[slot] = begin + chunk + slot
                batch.logits[slot] = 1 if every_logit or chunk + slot == last else 0
            batch.n_tokens = size
            code = self._engine.llama_decode(self._context, batch)
            if code:
                self._refuse(code)

    def _refuse(self, code: int) -> None:
        if code == 1:
            raise BadInput("the KV cache is full", where="-o context", fix="make the context larger")
        raise RunFailed(f"llama_decode answered {code} ({self._log.last_error()})", where="llama.cpp")

    def _choose(self) -> int:
        return int(self._row(-1).argmax())

    def _chosen(self, slot: int) -> int:
        return int(self._row(slot).argmax())

    def _row(self, index: int) -> NDArray[np.float32]:
        pointer = self._engine.llama_get_logits_ith(self._context, index)
        address = ctypes.cast(pointer, ctypes.c_void_p).value or 0
        row = self._rows.get(address)
        if row is None:
            row = np.ctypeslib.as_array(pointer, (self._vocab_size,))
            self._rows[address] = row
        return row

    def score(self, tokens: Sequence[int]) -> float:
        """Teacher-forced, from an empty cache."""
        self.reset()
        total = 0.0
        for begin in range(0, len(tokens), SCORE_CHUNK):
            chunk = tokens[begin : begin + SCORE_CHUNK]
            self._feed(chunk, every_logit=True, begin=begin)
            self._engine.llama_synchronize(self._context)
            for index in range(len(chunk)):
                if begin + index + 1 < len(tokens):
                    row = self._row(index).astype(np.float64)
                    top = row.max()
                    total += float(top + np.log(np.exp(row - top).sum()) - row[tokens[begin + index + 1]])
        self.reset()
        return total / max(len(tokens) - 1, 1)

    def counters(self) -> Mapping[str, int]:
        """From llama_perf_context; a count of 1 with no time is its way to say none."""
        if self._drafted:
            return self._drafted
        data = self._engine.llama_perf_context(self._context)
        return {
            "prefill_ns": round(data.t_p_eval_ms * 1e6),
            "prefill_tokens": int(data.n_p_eval) if data.t_p_eval_ms > 0 else 0,
            "decode_ns": round(data.t_eval_ms * 1e6),
            "decode_steps": int(data.n_eval) if data.t_eval_ms > 0 else 0,
            **({"cached_tokens": len(self._history)} if self._history else {}),
        }

    def reset(self) -> None:
        """Clear the KV cache and the engine's counters, and see that the cache is empty."""
        engine = self._engine
        engine.llama_memory_clear(self._memory, False)
        self._history, self._drafted = (), {}
        engine.llama_perf_context_reset(self._context)
        left = max(engine.llama_memory_seq_pos_max(self._memory, one) for one in range(self._sequences.count))
        if left != -1:
            raise RunFailed(f"the KV cache still holds position {left} after llama_memory_clear", where="llama.cpp")

    def close(self) -> None:
        """Free batch, context and model, in this order."""
        self._rows.clear()
        self._engine.llama_batch_free(self._batch)
        self._sequences.close()
        self._engine.llama_free(self._context)
        self._engine.llama_model_free(self._model)
