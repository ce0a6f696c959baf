"""mistral.rs inside the worker, by its own Python API: a second engine that reads the very same GGUF.

It takes no ids: a prompt is text that it splits itself, and the gate holds its ids against the model's own tokenizer first.
Tokens come as the chunks of a stream, stamped by the host's clock as each arrives; a chunk is one token, or the trial is invalid.
"""

from __future__ import annotations

import gc
import math
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.errors import BadInput, RunFailed, RuntimeUnavailable
from runtimes.interface import (
    Capabilities,
    Device,
    DeviceKind,
    EngineFacts,
    ModelFiles,
    Option,
    RuntimeFacts,
    Scalar,
    Watch,
    with_defaults,
)
from runtimes.support import failure_signs, gguf_vocabulary
from runtimes.support.mistralrs_log import Said, listening

DTYPES = {"auto": "Auto", "f32": "F32", "bf16": "BF16", "f16": "F16"}
UNKNOWN = "unknown"  # what the engine chose and did not tell
NOT_TOLD = "not told by the engine"
THREADS = "RAYON_NUM_THREADS"  # heeded by its thread pools, which are made once a process
# The prompt as it is. With the tags of a thinking model in it, which do nothing, special tokens are written out: without them a
# stream has no chunk for such a token.
TEMPLATE = "{# <think></think> #}{% for message in messages %}{{ message['content'] }}{% endfor %}"
TICK_NS = 1_000_000  # it adds up whole milliseconds of each step, cut and not rounded
_EVERY = 1 << 22  # more entries than any vocabulary has
_SHARD = re.compile(r"-\d{5}-of-(?!00001)\d{5}\.gguf$")


class MistralRS:
    """The adapter. On the processor: the package of this name holds no kernels for a GPU."""

    name = "mistralrs"
    formats = ("gguf",)
    capabilities = Capabilities(takes_text=True, forces=False, describes=True, probes=True)
    failure_signs = failure_signs.MISTRALRS
    options: Mapping[str, Option] = {
        "threads": Option(
            "threads of its pools; default: the cores that this process may use", int, minimum=1, maximum=512
        ),
        "context": Option("tokens of prompt and output; default: what the suite needs, rounded up", int, minimum=8),
        "dtype": Option("type to compute in; auto is the engine's own choice, which is recorded", str, "auto", tuple(DTYPES)),
    }  # fmt: skip

    def load(self, model: ModelFiles, options: Mapping[str, Any]) -> LoadedMistralRS:
        """Open the GGUF."""
        given = with_defaults(self.options, options)
        if not model.path.is_file():
            raise BadInput("there is no such file", where=str(model.path), fix="check the path")
        if _SHARD.search(model.path.name):
            raise BadInput(
                "is in several shards, and one file is read",
                where=model.path.name,
                fix="join them with llama-gguf-split --merge, or take the runtime llama.cpp",
            )
        if given["threads"]:
            os.environ[THREADS] = str(given["threads"])  # before the engine's first work
        return LoadedMistralRS(_engine(), model, given)

    def describe(self) -> EngineFacts:
        """See `Describing`."""
        _engine()
        return EngineFacts("mistral.rs", version("mistralrs"), _package(), NOT_TOLD, {}, (_cpu(),))

    def probe(self) -> str:
        """See `Probing`. A request's field that the engine lacks would be refused by its constructor."""
        engine = _engine()
        missing = [
            name for name in ("Runner", "Which", "ModelDType", "ChatCompletionRequest") if not hasattr(engine, name)
        ]
        if missing:
            return f"there is no mistralrs.{', '.join(missing)}"
        try:
            _request(engine, "a", 1, 1)
        except TypeError as error:
            return f"a request can't be asked as it is measured ({error})"
        return ""


def _engine() -> Any:
    try:
        import mistralrs
    except (ImportError, OSError) as error:
        code = "" if isinstance(error, ModuleNotFoundError) else "library"
        raise RuntimeUnavailable(
            f"mistralrs can't be imported ({error})",
            where="mistralrs",
            fix="run: repro runtime install mistralrs",
            code=code,
        ) from error
    return mistralrs


def _package() -> str:
    return f"mistralrs {version('mistralrs')}"


def _cpu() -> Device:
    return Device("CPU", DeviceKind.CPU, "the processor, by candle's kernels")


def _request(engine: Any, text: str, count: int, top: int) -> Any:
    """Greedy, exactly `count` tokens, the end token ignored; `top` likelihoods of each, the first of which is its id."""
    return engine.ChatCompletionRequest(
        messages=text,
        model="default",
        max_tokens=count,
        stream=True,
        temperature=0.0,
        ignore_eos=True,
        logprobs=True,
        top_logprobs=top,
    )


class LoadedMistralRS:
    """One runner with one model, one sequence at a time."""

    def __init__(self, engine: Any, model: ModelFiles, options: Mapping[str, Any]) -> None:
        self._engine, self._model, self._options = engine, model, options
        self._context = int(options["context"])
        self._texts: dict[tuple[int, ...], str] = {}
        self._counters: dict[str, int] = {}
        self._runner: Any = None
        self._caching = False
        said = self._open()
        self._lead = ""
        self._lead = self._leading()
        self._vocabulary = len(self._first("a", _EVERY))
        self.facts = self._facts(said, self._ids(""))

    def _open(self, caching: bool = False) -> Said:
        """A runner: without a prefix cache for what is timed, with one for likelihoods, which ask for a text again and again."""
        self.close()  # two models at once would be twice the memory
        engine = self._engine
        which = engine.Which.GGUF(
            quantized_model_id=str(self._model.path.parent),
            quantized_filename=self._model.path.name,
            dtype=getattr(engine.ModelDType, DTYPES[self._options["dtype"]]),
        )
        with tempfile.TemporaryDirectory() as folder, listening() as said:
            template = Path(folder) / "as-it-is.jinja"
            template.write_text(TEMPLATE)
            try:
                self._runner = engine.Runner(
                    which=which,
                    max_seqs=1,
                    prefix_cache_n=1 if caching else 0,
                    token_source="none",  # noqa: S106 - where a key of a hub would come from
                    no_paged_attn=True,
                    jinja_explicit=str(template),
                )
            except ValueError as error:
                raise self._refused(str(error)) from error
        self._caching = caching
        return said

    def _leading(self) -> str:
        """The beginning of sequence as text, where the model wants one and the engine adds none: as templates write it."""
        known = gguf_vocabulary.read(self._model.path)
        if known is None or known.bos_id is None or self._ids(""):
            return ""
        text: str = self._runner.detokenize_text([known.bos_id], False)
        return text if self._ids(text) == [known.bos_id] else ""

    def _refused(self, text: str) -> BadInput | RunFailed:
        words = (
            text.strip().splitlines()[0].replace(str(self._model.path.parent), "")
            if text.strip()
            else "no reason given"
        )
        damaged = any(re.search(pattern, words) for pattern in failure_signs.MISTRALRS_DAMAGED)
        return (BadInput if damaged else RunFailed)(
            f"mistral.rs can't load it ({words})",
            where=self._model.path.name,
            fix="check the file, or take the runtime llama.cpp",
        )

    def _facts(self, said: Said, led: Sequence[int]) -> RuntimeFacts:
        if not said.places <= {"cpu"}:
            raise RunFailed(
                f"its layers lie on {', '.join(sorted(said.places))}, which is not driven", where="mistralrs"
            )
        settings: dict[str, Scalar] = {
            "threads": int(self._options["threads"]) if self._options["threads"] else None,
            "context": self._context,
            "dtype": (said.dtype or UNKNOWN).lower(),
            "type_k": said.cache or UNKNOWN,
            "type_v": said.cache or UNKNOWN,
            "prefix_caching": False,
            "prompts": "text",
            "stream": True,
            "batching": 1,
        }
        return RuntimeFacts(
            engine="mistral.rs",
            version=said.version or version("mistralrs"),
            package=_package(),
            commit=said.commit or NOT_TOLD,
            build={},
            settings=settings,
            devices=(_cpu(),),
            vocab_size=self._vocabulary,
            context_tokens=self._context,
            bos_id=led[0] if led else None,
            add_bos=bool(led),
            clock="host, each chunk of its stream received",
            model={"layers": said.layers, "context_trained": self._runner.max_sequence_length()},
        )

    def _ids(self, text: str, special: bool = True) -> list[int]:
        lead = self._lead if special else ""
        return [int(token) for token in self._runner.tokenize_text(lead + text, special, None)]

    def _first(self, text: str, top: int) -> Sequence[Any]:
        """The likelihoods of the token that follows a text."""
        chunks = self._runner.send_chat_completion_request(_request(self._engine, text, 1, top))
        told = [chunk.choices[0].logprobs for chunk in list(chunks)]
        found = next((one.top_logprobs for one in told if one is not None), None)
        if found is None:
            raise RunFailed("it tells no likelihood of what it chose", where="mistralrs")
        return list(found)

    def tokenize(self, text: str, *, add_bos: bool) -> list[int]:
        """By the engine's own tokenizer, which takes special tokens in the text for what they are."""
        return self._ids(text, special=add_bos)

    def take(self, ids: Sequence[int], text: str) -> list[int]:
        """See `TakingText`."""
        self._texts[tuple(ids)] = self._lead + text
        return self._ids(text)

    def _text(self, ids: Sequence[int]) -> str | None:
        """The text of a prompt, as it was taken, or that of its pieces; None where the engine makes other ids of it."""
        known = self._texts.get(tuple(ids))
        if known is not None:
            return known
        text: str = self._runner.detokenize_text(list(ids), True)
        return self._lead + text if self._ids(text) == list(ids) else None

    def generate(
        self, prompt: Sequence[int], output_tokens: int, watch: Watch, *, forced: Sequence[int] | None = None
    ) -> list[int]:
        """See `LoadedRuntime.generate`. It makes one token at least: of a prefill alone that is the one that is stamped."""
        if forced is not None and output_tokens:
            raise BadInput("mistral.rs chooses its own tokens", where="mistralrs", fix="leave forced decode out")
        count = max(output_tokens, 1)
        if len(prompt) + output_tokens > self._context:  # the one token of a prefill takes no place
            raise BadInput(
                f"{len(prompt) + output_tokens} tokens don't fit into {self._context}",
                where="-o context",
                fix="make it larger",
            )
        if self._caching or self._runner is None:
            self._open()
        text = self._text(prompt)
        if text is None:
            raise RunFailed("there is no text of which it makes just these ids", where="mistralrs", code="tokenizer")
        request, send = _request(self._engine, text, count, 1), self._runner.send_chat_completion_request
        told: list[Any] = []
        keep, stamp, chunk = told.append, watch.token, None
        watch.start()
        for chunk in send(request):
            token = chunk.choices[0].logprobs
            if token is not None:  # else it is text alone, which was held back from an earlier chunk
                stamp()
                keep(token)
        self._account(chunk, len(prompt))
        for _ in range(len(told), count):
            watch.again()
        # Fewer than were asked for where it ended early, or one chunk held several tokens: that makes the trial invalid.
        return [int(one.top_logprobs[0].token) for one in told][:output_tokens]

    def _account(self, last: Any, prompt_tokens: int) -> None:
        """What the last chunk says of the whole. Raises `RunFailed` where that is other work than was asked for."""
        usage = None if last is None else last.usage
        if usage is None or not usage.completion_tokens:
            raise RunFailed("its stream ended without tokens, or without an account of them", where="mistralrs")
        if usage.prompt_tokens != prompt_tokens:
            raise RunFailed(
                f"mistral.rs computed {usage.prompt_tokens} prompt tokens in place of {prompt_tokens}",
                where="mistralrs",
                code="tokenizer",
            )
        self._counters = {"decode_steps": usage.completion_tokens - 1, "completion_tokens": usage.completion_tokens}
        self._counters |= {
            "prefill_ns": round(usage.total_prompt_time_sec * 1e3) * TICK_NS,
            "decode_ns": round(usage.total_completion_time_sec * 1e3) * TICK_NS,
            "decode_cut_ns": (usage.completion_tokens - 1) * TICK_NS,
        }

    def score(self, tokens: Sequence[int]) -> float:
        """A request for each beginning of the text, and of its answer the likelihood of the token that really follows.

        NaN, for none, where a beginning is no text that the engine splits so.
        """
        self._open(caching=True)
        total = 0.0
        for index in range(1, len(tokens)):
            text = self._text(tokens[:index])
            found = {} if text is None else {one.token: one.logprob for one in self._first(text, _EVERY)}
            if tokens[index] not in found:
                return math.nan
            total -= float(found[tokens[index]])
        self._open()
        return total / max(len(tokens) - 1, 1)

    def counters(self) -> Mapping[str, int]:
        """The engine's usage of the newest request, in whole milliseconds."""
        return self._counters

    def reset(self) -> None:
        """Nothing is kept between requests: the prefix cache is off."""
        self._counters = {}

    def close(self) -> None:
        """The runner ends its threads and frees the model when nobody holds it."""
        self._runner = None
        gc.collect()
