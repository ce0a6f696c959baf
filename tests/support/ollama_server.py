"""A double of Ollama's server at the network boundary: its documented API with a recorded shape for each answer, and, where one is
given, the real llama-server behind it, driven as Ollama drives it (cache_prompt on, one slot, its own prompt cache in memory).

Shapes: docs/api.md; what it does with them: server/routes.go and llm/llama_server.go of the project, August 2026.
"""

import contextlib
import json
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.support import vulkan_server
from tests.support.patience import PATIENCE_S


@dataclass
class Behaviour:
    """What the server is and does; the defaults are those of a good one."""

    models: dict = field(default_factory=dict)  # name → file of the weights
    version: str = "0.18.2"
    parameters: int | None = None
    quantization: str = "unknown"
    trained: int | None = None
    share_on_gpu: float = 0.0
    context_limit: int | None = None
    more_prompt_tokens: int = 0  # that it counts
    tells_cached: bool = False  # as servers before 0.4 did: the count is of what it computed
    context: bool = True  # gives back the ids of an answer
    shuffles_ids: bool = False  # has another tokenizer that makes as many
    answers_as: str = ""  # the name of another model
    ends_after: int | None = None  # tokens of the text after which the model ends it
    repeats: bool = False  # says the same again and again
    dies_after: int | None = None  # lines
    error_after: int | None = None
    load_s: float = 0.0
    keeps: bool = False  # never unloads
    step_s: float = 0.001
    prefill_s: float = 0.0  # of a prompt token that is not cached
    load_error: str = ""
    loads_within: int = 0  # ns that it says it took to load, in each answer
    adapter: bool = False
    cloud: str = ""  # where its models are computed
    store: str = "/usr/share/ollama/.ollama/models/blobs/"
    digest: str = "2ae6f6dd7a3dd734790bbbf58b8909a606e0e7e97e94b7604e0aa7ae4490e6d8"


class Double:
    """The running server: what it was asked, what it holds, and what it may be told to do next."""

    def __init__(self, behaviour, engine):
        self.behaviour, self.engine = behaviour, engine
        self.asked = []  # (path, body)
        self.loaded = {}  # name → options
        self.seen = []  # prompts since the model was loaded, as ids

    def generated(self):
        return [body for path, body in self.asked if path == "/api/generate" and body.get("prompt")]

    def loads(self):
        return sum(path == "/api/generate" and not body.get("prompt") and body.get("keep_alive") != 0
                   for path, body in self.asked)  # fmt: skip


class Words:
    """Without an engine: the longest pieces of a vocabulary, and answers made of nothing."""

    def __init__(self, vocabulary):
        self.vocabulary = vocabulary
        self.ids = {vocabulary.text([token]): token for token in range(vocabulary.size)}

    def start(self, *_):
        """Nothing is held."""

    stop = start

    def tokens(self, text):
        found = []
        while text:
            size = next((size for size in range(min(len(text), 24), 0, -1) if text[:size] in self.ids), 0)
            # A letter of several bytes is as many tokens: the first 256 ids of `tiny_models` are the bytes.
            found += [self.ids[text[:size]]] if size else text[0].encode()
            text = text[size or 1 :]
        return found


class _Handler(BaseHTTPRequestHandler):
    double: Double
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    @property
    def does(self):
        return self.double.behaviour

    def do_GET(self):
        self.double.asked.append((self.path, None))
        found = {"/api/version": self._version, "/api/tags": self._tags, "/api/ps": self._ps}.get(self.path)
        self._json(*((found(), 200) if found else ({"error": "not found"}, 404)))

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.double.asked.append((self.path, body))
        if self.path == "/api/show":
            return self._json(*self._show(body["model"]))
        if self.path != "/api/generate":
            return self._json({"error": "not found"}, 404)
        if body["model"] not in self.does.models:
            return self._json({"error": f"model '{body['model']}' not found"}, 404)
        return self._generate(body)

    def _version(self):
        return {"version": self.does.version}

    def _details(self):
        return {
            "parent_model": "", "format": "gguf", "family": "llama", "families": ["llama"], "parameter_size": "0.0B",
            "quantization_level": self.does.quantization,
        }  # fmt: skip

    def _tags(self):
        return {
            "models": [
                {
                    "name": name, "model": name, "modified_at": "2025-05-10T08:06:48.639712648-07:00",
                    "size": path.stat().st_size, "digest": self.does.digest, "details": self._details(),
                }
                for name, path in self.does.models.items()
            ]
        }  # fmt: skip

    def _ps(self):
        found = []
        for name, options in self.double.loaded.items():
            size = self.does.models[name].stat().st_size + 1_000_000
            found.append(
                {
                    "name": name, "model": name, "size": size, "digest": self.does.digest, "details": self._details(),
                    "expires_at": "2026-08-21T14:38:31.83753-07:00", "size_vram": int(size * self.does.share_on_gpu),
                    "context_length": min(options["num_ctx"], self.does.context_limit or options["num_ctx"]),
                }
            )  # fmt: skip
        return {"models": found}

    def _show(self, name):
        path = self.does.models.get(name)
        if path is None:
            return {"error": f"model '{name}' not found"}, 404
        digest = sha256(path.read_bytes()).hexdigest()
        lines = [
            '# Modelfile generated by "ollama show"', "# To build a new Modelfile based on this, replace FROM with:",
            f"# FROM {name}", "", f"FROM {self.does.store}sha256-{digest}",
            *(["ADAPTER /usr/share/ollama/.ollama/models/blobs/sha256-" + "1" * 64] if self.does.adapter else []),
            'TEMPLATE """{{ .System }} {{ .Prompt }}"""', 'PARAMETER stop "</s>"', "PARAMETER temperature 0.7",
        ]  # fmt: skip
        info = {"general.architecture": "llama", "tokenizer.ggml.tokens": None, "tokenizer.ggml.model": "llama"}
        info |= {"general.parameter_count": self.does.parameters} if self.does.parameters else {}
        info |= {"llama.context_length": self.does.trained} if self.does.trained else {}
        return {
            "modelfile": "\n".join(lines), "parameters": 'stop "</s>"', "template": "{{ .System }} {{ .Prompt }}",
            "details": self._details(), "model_info": info, "capabilities": ["completion"],
            **({"remote_host": self.does.cloud, "remote_model": name} if self.does.cloud else {}),
        }, 200  # fmt: skip

    def _generate(self, body):
        name, options = body["model"], body.get("options", {})
        empty = {"model": name, "created_at": "2023-12-18T19:52:07.071755Z", "response": "", "done": True}
        if not body.get("prompt") and body.get("keep_alive") == 0:
            if not self.does.keeps and self.double.loaded.pop(name, None) is not None:
                self.double.engine.stop()
                self.double.seen = []
            return self._json({**empty, "done_reason": "unload"})
        if self.does.load_error:
            return self._json({"error": self.does.load_error}, 500)
        launch = {key: options.get(key) for key in ("num_ctx", "num_batch", "num_gpu", "num_thread")}
        if self.double.loaded.get(name) != launch:
            time.sleep(self.does.load_s)
            self.double.engine.stop()
            self.double.engine.start(self.does.models[name], launch)
            self.double.loaded, self.double.seen = {name: launch}, []
        if not body.get("prompt"):
            return self._json({**empty, "done_reason": "load"})
        answer = self._engine(body) if isinstance(self.double.engine, Engine) else self._words(body)
        if body.get("stream", True):
            return self._stream(answer)
        lines = list(answer)
        return self._json({**lines[-1], "response": "".join(line.get("response", "") for line in lines)})

    def _line(self, **values):
        return {
            "model": self.does.answers_as or self.double.asked[-1][1]["model"],
            "created_at": "2023-08-04T08:52:19.385406455-07:00",
            **values,
        }

    def _words(self, body):
        """An answer made of nothing, at a known pace; its prefix cache is as Ollama's."""
        does, tokens = self.does, [1, *self.double.engine.tokens(body["prompt"])]
        cached = max((_shared(tokens, old) for old in self.double.seen), default=0)
        self.double.seen.append(tokens)
        wanted = body["options"]["num_predict"]
        count = wanted if does.ends_after is None or wanted == 1 else min(wanted, does.ends_after)
        began = time.perf_counter_ns()
        time.sleep(does.prefill_s * (len(tokens) - cached))
        first = time.perf_counter_ns()
        made = [self.double.engine.ids["x"], self.double.engine.ids["y"]] * count
        for number in range(count):
            time.sleep(does.step_s)
            if number == does.dies_after and body.get("stream", True):
                raise ConnectionAbortedError
            if number == does.error_after and body.get("stream", True):
                yield {"error": "an error was encountered while running the model: CUDA error"}
                return
            text = " boat" if does.repeats else self.double.engine.vocabulary.text([made[number]])
            yield self._line(response=text, done=False)
            if does.repeats and number >= 30:
                return  # as it does: no last line
        fed = len(tokens) - (cached if does.tells_cached else 0) + does.more_prompt_tokens
        yield self._end(
            body, count == wanted, tokens, made[:1], fed, first - began, count, time.perf_counter_ns() - first
        )

    def _engine(self, body):
        """As llm/llama_server.go has it: /completion with the server's own cache, its timings as counts and durations."""
        engine, fed = self.double.engine, {}
        count = 0
        for event in engine.completion(body["prompt"], body["options"]):
            if event["content"] and not event["stop"]:
                count += 1
                yield self._line(response=event["content"], done=False)
            if event["stop"]:
                fed = event
        timings = fed["timings"]
        tokens = engine.tokens(body["prompt"])
        made = engine.tokens(body["prompt"] + (fed.get("text") or ""))[len(tokens) :]
        yield self._end(
            body, fed["stop_type"] == "limit", [0, *tokens], made, timings["cache_n"] + timings["prompt_n"],
            round(timings["prompt_ms"] * 1e6), timings["predicted_n"], round(timings["predicted_ms"] * 1e6),
        )  # fmt: skip

    def _end(self, body, whole, tokens, made, fed, prefill_ns, count, decode_ns):
        context = [*tokens[1:], *made]
        if self.does.shuffles_ids:
            context = [*reversed(tokens[1:]), *made]
        told = {} if body.get("raw") or not self.does.context else {"context": context}
        counts = {"prompt_eval_count": fed} if fed else {}
        return self._line(
            response="", done=True, done_reason="length" if whole else "stop", **told,
            total_duration=prefill_ns + decode_ns + 3_000_000, load_duration=self.does.loads_within or 1_334_875, **counts,
            prompt_eval_duration=prefill_ns, eval_count=count, eval_duration=decode_ns,
        )  # fmt: skip

    def _stream(self, answer):
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for line in answer:
                raw = json.dumps(line).encode() + b"\n"
                self.wfile.write(b"%x\r\n%s\r\n" % (len(raw), raw))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
        except ConnectionAbortedError:
            self.close_connection = True

    def _json(self, data, status=200):
        raw = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def _shared(one, other):
    return next(
        (at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), min(len(one), len(other))
    )


class Engine:
    """The real llama-server, started and stopped as Ollama does with its runner."""

    def __init__(self, binaries, folder):
        self.binaries, self.folder = binaries, folder
        self._running = None
        self.started = 0

    def start(self, model, launch):
        self.started += 1
        self._running = contextlib.ExitStack()
        arguments = ["-c", str(launch["num_ctx"]), "-t", str(launch["num_thread"] or 2)]
        log = self.folder / f"log{self.started}"
        serving = vulkan_server.serving(self.binaries, model, log, *arguments, variables=None)
        self.url = self._running.enter_context(serving).removesuffix("/v1")

    def stop(self):
        if self._running is not None:
            self._running.close()
        self._running = None

    def tokens(self, text):
        return self._post("/tokenize", {"content": text, "add_special": False})["tokens"]

    def completion(self, prompt, options):
        body = {
            "prompt": prompt, "stream": True, "cache_prompt": True, "n_predict": options["num_predict"],
            **{name: options[name] for name in ("temperature", "top_k", "top_p", "min_p", "repeat_penalty", "seed")},
        }  # fmt: skip
        said = ""
        with self._open("/completion", body) as answer:
            for line in answer:
                if line.startswith(b"data: "):
                    event = json.loads(line[6:])
                    said += event["content"]
                    yield event | {"text": said}

    def _post(self, path, body):
        with self._open(path, body) as answer:
            return json.load(answer)

    def _open(self, path, body):
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        return urllib.request.urlopen(request, timeout=PATIENCE_S)


@contextlib.contextmanager
def serving(engine, **facts):
    """The address of a double with this behaviour, and the double."""
    double = Double(Behaviour(**facts), engine)
    handler = type("Handler", (_Handler,), {"double": double})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", double
    finally:
        server.shutdown()
        server.server_close()
        engine.stop()


def store(folder, name, weights):
    """A store of Ollama's with one model: for OLLAMA_MODELS. The weights are linked, not copied."""
    digest = sha256(Path(weights).read_bytes()).hexdigest()
    blob = folder / "blobs" / f"sha256-{digest}"
    blob.parent.mkdir(parents=True)
    blob.hardlink_to(weights)
    manifest = folder / "manifests" / "registry.ollama.ai" / "library" / name / "latest"
    manifest.parent.mkdir(parents=True)
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{digest}", "size": 1}
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": [layer]}))
    return blob
