"""A server of completions in a few lines, at the network boundary: it keeps a prefix cache, and can do wrong what servers do wrong."""

import json
import socket
import ssl
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORDS = ["the", "quiet", "harbour", "boat", "comes", "home", "one", "after", "other", "sea"]


@dataclass
class Behaviour:
    """What the server is and does; the defaults are those of a good one that tells little."""

    models: list = field(default_factory=lambda: [{"id": "tiny"}])
    props: dict | None = None
    pages: dict = field(default_factory=dict)  # further answers to GET and POST, by path
    prefix: str = ""  # before all its paths
    above: dict = field(default_factory=dict)  # what another server answers above the prefix
    completions: bool = True
    chat: bool = False
    template: int = 10  # tokens that its chat template adds, or what it adds to a text of so many tokens
    reasoning: int = 0  # tokens of a chat's answer that are reasoning
    reasoning_name: str = "reasoning_content"
    headers: dict = field(default_factory=dict)  # of errors
    coding: str = ""  # that it says its streams have
    busy: int = 0  # requests to which it answers 503 at first
    takes_ids: bool = True
    tokenizer: str = "llama"  # llama, vllm, extras, none
    keeps: int | None = None  # tokens of a prompt, at most: what is more it cuts without a word
    prefix_cache: bool = False
    prefill_s: float = 0.0  # of a prompt token that is not cached
    step_s: float = 0.001
    sizes: list | None = None  # tokens of each chunk; default: one each
    pause_before: dict = field(default_factory=dict)  # chunk → seconds that it is held back
    ids: bool = True
    letters: str = "x"  # one of which each answer consists, in turn
    running_count: str = ""  # "usage" or "timings" in every chunk
    timings: dict | None = None  # in the last event
    usage: bool = True
    finish: str = "length"
    done: bool = True
    model: str | None = None  # the name that answers carry
    fingerprint: str = ""
    key: str = ""
    open_paths: tuple = ()  # that need no key
    refused_words: str = "no such key"
    unknown_fields: tuple = ()  # refused
    unknown_status: int = 400
    names_them: bool = True
    error_event: object = None  # instead of the rest of the answer, from half of it
    raw_lines: list | None = None  # instead of the whole stream
    cut_after: int | None = None  # chunks after which the connection is reset


class Double:
    """The running server: its address, what it was asked, and what it may be told to do next."""

    def __init__(self, behaviour):
        self.behaviour = behaviour
        self.asked = []  # (path, body)
        self.headers = []
        self.seen = []  # prompts, as tuples of words or ids

    def paths(self):
        return [path for path, _ in self.asked]

    def completed(self):
        return [body for path, body in self.asked if path == "/v1/completions"]

    def chats(self):
        return [body for path, body in self.asked if path == "/v1/chat/completions"]


def ids_of(text):
    """One id a word, 1 in front."""
    return [1, *(10 + WORDS.index(word) if word in WORDS else 1000 + len(word) for word in text.split())]


def text_of(ids):
    return " ".join(WORDS[token - 10] if 10 <= token < 10 + len(WORDS) else "x" * (token - 1000) for token in ids)


class _Handler(BaseHTTPRequestHandler):
    double: Double

    def log_message(self, *_):
        pass

    @property
    def does(self):
        return self.double.behaviour

    def _allowed(self):
        self.double.headers.append(self.headers.get("Authorization"))
        if not self.does.key or self.path in self.does.open_paths:
            return True
        if self.headers.get("Authorization") == f"Bearer {self.does.key}":
            return True
        self._json({"error": {"message": self.does.refused_words, "type": "authentication_error"}}, 401)
        return False

    def _below(self):
        """Whether the request is ours; the path is then without the prefix."""
        if self.path.startswith(f"{self.does.prefix}/"):
            self.path = self.path.removeprefix(self.does.prefix)
            return True
        found = self.does.above.get(self.path)
        self._json({"error": "not found"} if found is None else found, 404 if found is None else 200)
        return False

    def do_GET(self):
        if not self._below():
            return None
        self.double.asked.append((self.path, None))
        if self.does.busy > 0:
            self.does.busy -= 1
            return self._json({"error": {"message": "Loading model"}}, 503)
        if not self._allowed():
            return None
        if self.path == "/v1/models":
            self._json({"object": "list", "data": self.does.models})
        elif self.path == "/props" and self.does.props is not None:
            self._json(self.does.props)
        else:
            self._page()
        return None

    def _page(self):
        found = self.does.pages.get(self.path)
        if isinstance(found, tuple):
            self._json(found[1], found[0])
        else:
            self._json(found if found is not None else {"error": "not found"}, 200 if found is not None else 404)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self._below():
            return
        self.double.asked.append((self.path, body))
        if not self._allowed():
            return
        if (self.path == "/v1/completions" and self.does.completions) or (
            self.path == "/v1/chat/completions" and self.does.chat
        ):
            self._complete(body)
        elif self.path in ("/tokenize", "/extras/tokenize", "/detokenize"):
            self._tokens(body)
        else:
            self._page()

    def _tokens(self, body):
        kind = self.does.tokenizer
        text = {"llama": "content", "vllm": "prompt", "extras": "input"}.get(kind, "")
        if self.path == "/detokenize" and kind != "none":
            return self._json({"content" if kind == "llama" else "prompt": text_of(body["tokens"])})
        right = self.path == ("/extras/tokenize" if kind == "extras" else "/tokenize")
        if not right or text not in body:
            return self._json({"detail": [{"msg": f"{text} is missing"}]}, 422)
        flag = {"llama": "add_special", "vllm": "add_special_tokens"}.get(kind, "")
        found = ids_of(body[text])
        return self._json({"tokens": found if body.get(flag, True) else found[1:]})

    def _complete(self, body):
        stated = {**body, **body.get("stream_options", {})}
        wrong = [name for name in self.does.unknown_fields if name in stated]
        if wrong:
            said = f"unknown field {wrong[0]}" if self.does.names_them else "bad request"
            return self._json({"error": {"message": said}}, self.does.unknown_status)
        chat = "messages" in body
        prompt = body["messages"][0]["content"] if chat else body["prompt"]
        if isinstance(prompt, list) and not self.does.takes_ids:
            return self._json({"error": {"message": "prompt must be text"}}, 400)
        tokens = (prompt if isinstance(prompt, list) else ids_of(prompt))[: self.does.keeps]
        if chat:
            added = self.does.template
            tokens = [*tokens, *[2000] * (added(tokens) if callable(added) else added)]
        if not body.get("stream"):
            self.double.seen.append(tuple(tokens))
            return self._json({"choices": [{"text": "a"}], "usage": {"prompt_tokens": len(tokens)}})
        return self._stream(tokens, body["max_tokens"], chat)

    def _stream(self, tokens, count, chat=False):
        does, self._chat = self.does, chat
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        if self.does.coding:
            self.send_header("Content-Encoding", self.does.coding)
        self.end_headers()
        if does.raw_lines is not None and count > 1:
            for line in does.raw_lines:
                self.wfile.write(line)
            return
        began = time.perf_counter()
        cached = max((_shared(tokens, old) for old in self.double.seen), default=0) if does.prefix_cache else 0
        self.double.seen.append(tuple(tokens))
        time.sleep(does.prefill_s * (len(tokens) - cached))
        first = time.perf_counter()
        sent = 0
        if chat:
            self._event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": None}}]})
        for number, size in enumerate(does.sizes if does.sizes and count > 1 else [1] * count):
            time.sleep(does.pause_before.get(number, 0) + does.step_s * size)
            if does.cut_after == number and count > 1:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            if does.error_event is not None and sent >= count // 2 and count > 1:
                self._event(does.error_event)
                self.wfile.write(b"data: [DONE]\n\n")
                return
            sent += size
            self._chunk(sent, size, len(tokens))
        self._last(sent, tokens, cached, first - began, time.perf_counter() - first)
        if does.done:
            self.wfile.write(b"data: [DONE]\n\n")

    def _chunk(self, sent, size, fed):
        text = self.does.letters[len(self.double.seen) % len(self.does.letters)] * size
        said = {"text": text}
        if self._chat:
            said = {"delta": {self.does.reasoning_name if sent <= self.does.reasoning else "content": text}}
        event = {"choices": [{**said, "index": 0, "finish_reason": None}]}
        if self.does.ids:
            event["choices"][0]["token_ids"] = list(range(sent - size, sent))
        if self.does.running_count == "usage":
            event["usage"] = {"prompt_tokens": fed, "completion_tokens": sent}
        if self.does.running_count == "timings":
            event["timings"] = {"predicted_n": sent}
        self._event(event)

    def _last(self, sent, tokens, cached, prefill_s, decode_s):
        empty = {"delta": {}} if self._chat else {"text": ""}
        event = {"choices": [{**empty, "finish_reason": self.does.finish}]}
        if self.does.timings is not None:
            event["timings"] = {
                "prompt_n": len(tokens) - cached, "prompt_ms": prefill_s * 1000,
                "predicted_n": sent, "predicted_ms": decode_s * 1000, **self.does.timings,
            }  # fmt: skip
        self._event(event)
        if self.does.usage:
            self._event({"choices": [], "usage": {"prompt_tokens": len(tokens), "completion_tokens": sent}})

    def _event(self, data):
        if isinstance(data, dict):
            named = {"model": self.does.model} if self.does.model else {}
            printed = {"system_fingerprint": self.does.fingerprint} if self.does.fingerprint else {}
            data = json.dumps(data | named | printed).encode()
        self.wfile.write(b"data: " + data + b"\n\n")
        self.wfile.flush()

    def _json(self, data, status=200):
        raw = data if isinstance(data, bytes) else json.dumps(data).encode()
        self.send_response(status)
        for name, value in self.does.headers.items() if status != 200 else ():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def _shared(one, other):
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


@contextmanager
def serving(tls=None, **facts):
    """The address of a server with this behaviour, and its double; `tls`: the files of its certificate and key."""
    double = Double(Behaviour(**facts))
    handler = type("Handler", (_Handler,), {"double": double})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http{'' if tls is None else 's'}://127.0.0.1:{server.server_address[1]}/v1", double
    finally:
        server.shutdown()
        server.server_close()
