"""A Hugging Face on loopback: the few endpoints that huggingface_hub asks, with faults to order."""

from __future__ import annotations

import json
import re
import threading
from contextlib import contextmanager
from hashlib import sha1, sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

COMMIT = "c0ffee" * 6 + "c0ff"


SMALL = (".json", ".jinja", ".txt", ".md", ".py")  # Git's own files; the others are in its large store


def blob_id(data: bytes) -> str:
    return sha1(f"blob {len(data)}\0".encode() + data).hexdigest()


class Registry:
    """Holds one repository; `cut_at` breaks the connection of the next download after so many bytes.

    `token`: without it, the repository is gated. `downloads`: the files that were asked for, in order.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.cut_at: int | None = None
        self.digest_lie: str | None = None
        self.gated = False
        self.ranges: list[str] = []
        self.revisions: list[str] = []
        self.token: str | None = None
        self.downloads: list[str] = []
        self.sent = 0  # bytes of files
        self.longer: set[str] = set()  # files that send more than was stated

    def handler(self):
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self, status, body=b"", **headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                if "Content_Length" not in headers:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def refuse(self, status, code):
                self.answer(status, b"{}", X_Error_Code=code, X_Error_Message=code)

            def do_GET(self):
                if match := re.fullmatch(r"/api/models/(\w+/\w+)/revision/([\w.%]+)(\?.*)?", self.path):
                    return self.info(match[1], unquote(match[2]))
                if match := re.fullmatch(r"/(\w+/\w+)/resolve/([\w.]+)/([\w./%-]+)", self.path):
                    return self.file(match[1], match[2], unquote(match[3]))
                return self.refuse(404, "RepoNotFound")

            do_HEAD = do_GET  # noqa: N815

            def info(self, repo, revision):
                if repo != "owner/model":
                    return self.refuse(404, "RepoNotFound")
                if registry.gated or self.barred():
                    return self.refuse(403, "GatedRepo")
                if revision not in ("main", "refs/pr/1", COMMIT):
                    return self.refuse(404, "RevisionNotFound")
                siblings = [self.stated(name, data) for name, data in registry.files.items()]
                body = {"id": repo, "modelId": repo, "sha": COMMIT, "siblings": siblings, "private": False, "tags": []}
                return self.answer(200, json.dumps(body).encode(), Content_Type="application/json")

            def stated(self, name, data):
                own = {"rfilename": name, "size": len(data), "blobId": (registry.digest_lie or blob_id(data))[:40]}
                large = {
                    "sha256": registry.digest_lie or sha256(data).hexdigest(),
                    "size": len(data),
                    "pointerSize": 130,
                }
                return own if name.endswith(SMALL) else own | {"lfs": large}

            def barred(self):
                return registry.token is not None and self.headers.get("Authorization") != f"Bearer {registry.token}"

            def file(self, repo, revision, name):
                if self.barred():
                    return self.refuse(403, "GatedRepo")
                registry.revisions.append(revision)
                if self.command == "GET":
                    registry.downloads.append(name)
                data = registry.files.get(name)
                if data is None:
                    return self.refuse(404, "EntryNotFound")
                etag = f'"{sha256(data).hexdigest()}"'
                common = {"X_Repo_Commit": COMMIT, "ETag": etag, "X_Linked_Etag": etag, "X_Linked_Size": str(len(data))}
                begin = 0
                if given := self.headers.get("Range"):
                    registry.ranges.append(given)
                    begin, last = re.match(r"bytes=(\d+)-(\d*)", given).groups()
                    begin, last = int(begin), min(int(last or len(data)), len(data) - 1)
                    common["Content_Range"] = f"bytes {begin}-{last}/{len(data)}"
                    data = data[: last + 1]
                body = data[begin:] + (b"x" if name in registry.longer else b"")
                registry.sent += len(body)
                if registry.cut_at is not None and self.command == "GET":
                    part, registry.cut_at = body[: registry.cut_at], None
                    self.answer(200, part, Content_Length=str(len(body)), **common)
                    self.close_connection = True
                    return None
                return self.answer(206 if given else 200, body, Accept_Ranges="bytes", **common)

        return Handler


@contextmanager
def serving(files: dict[str, bytes]):
    """The hub and its address."""
    registry = Registry(files)
    server = ThreadingHTTPServer(("127.0.0.1", 0), registry.handler())
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield registry, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
