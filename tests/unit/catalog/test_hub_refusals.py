"""What Hugging Face, or what stands in its place, answers instead of a model: one line with what to do, and soon."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness.catalog import huggingface
from harness.catalog.references import HuggingFaceReference
from harness.errors import BadInput
from harness.progress import SILENT

REFERENCE = HuggingFaceReference("owner/model", "main", "tiny.gguf")


@contextmanager
def answering(status, body, wait=None):
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            if wait is not None:
                wait.wait(20)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        if wait is not None:
            wait.set()
        server.shutdown()
        server.server_close()
        thread.join()


def refused(address, tmp_path, monkeypatch):
    from huggingface_hub import HfApi

    monkeypatch.setattr(HfApi.__init__, "__defaults__", (address, *HfApi.__init__.__defaults__[1:]))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "theirs"))
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with pytest.raises(BadInput) as caught:
        huggingface.download(REFERENCE, tmp_path / "cache", {}, SILENT)
    assert "hf_secret" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "words", "fix"),
    [
        (401, b'{"error": "Invalid credentials in Authorization header"}', "the token is not valid (401)", "check HF_TOKEN"),
        (403, b"forbidden", "access is refused (403)", "see the repository's page"),
        (429, b"", "too many requests, 429", "wait, and run the same command"),
        (503, b"busy", "out of order, 503", "wait, and run the same command"),
        (200, b"<html>sign in</html>", "what answers is not Hugging Face", "check the network"),
        (200, json.dumps(["a list"]).encode(), "what answers is not Hugging Face", "check the network"),
    ],
)  # fmt: skip
def test_each_answer_that_is_no_model_says_what_to_do(tmp_path, monkeypatch, status, body, words, fix):
    with answering(status, body) as address:
        said = refused(address, tmp_path, monkeypatch)
    assert words in said
    assert fix in said
    assert "\n" not in said
    assert "http" not in said  # no address with what stands in it


def test_a_server_that_is_silent_is_left_alone_in_time(tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface, "TIMEOUT_S", 0.5)
    with answering(200, b"{}", threading.Event()) as address:
        assert "can't be fetched (" in refused(address, tmp_path, monkeypatch)
