"""A hub of our own on this machine: as much of one as downloading a file asks for, and faults on demand."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

REPO = "somebody/world"
REVISION = "0123456789abcdef0123456789abcdef01234567"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Hub:
    """What the server gives and what it was asked for, as (method, path, Range, Authorization).

    `store` names an address that large files lie at, as with the real hub; `cuts` how often a file breaks off after
    its first half; `held` are files of which half comes, and then nothing until `release`. A file of another repository
    than REPO is called "owner/name:file"; those of the `gated` ones are for who has a token.
    """

    files: dict[str, bytes]
    store: str = ""
    status: dict[str, tuple[int, str]] = field(default_factory=dict)
    cuts: dict[str, int] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    gated: set[str] = field(default_factory=set)
    release: threading.Event = field(default_factory=threading.Event)
    asked: list[tuple[str, str, str | None, str | None]] = field(default_factory=list)
    commit: str | None = REVISION
    url: str = ""

    def gets(self) -> list[tuple[str, str | None]]:
        """(file, Range) of every download, the hub's own redirects apart."""
        return [(path.split("/")[-1], span) for method, path, span, _ in self.asked if method == "GET"]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def answer(self, with_body: bool) -> None:
        hub: Hub = self.server.hub
        span = self.headers.get("Range")
        hub.asked.append((self.command, self.path, span, self.headers.get("Authorization")))
        prefix = f"/{REPO}/resolve/{REVISION}/"
        name = self.path.removeprefix(prefix).removeprefix("/store/")
        repo, elsewhere, file = self.path.removeprefix("/").partition(f"/resolve/{REVISION}/")
        if elsewhere and repo != REPO:
            name = f"{repo}:{file}"
        missing = (404, "EntryNotFound") if name not in hub.files else None
        kept = (401, "GatedRepo") if repo in hub.gated and not self.headers.get("Authorization") else None
        status, code = hub.status.get(name) or kept or missing or (200, "")
        if code or status != 200:
            return self.head(status, {"X-Error-Code": code, "Content-Length": "0"})
        content = hub.files[name]
        about = {"X-Repo-Commit": hub.commit} if hub.commit else {}
        if hub.store and self.path.startswith(prefix):
            linked = {"X-Linked-Etag": f'"{sha256(content)}"', "X-Linked-Size": str(len(content))}
            return self.head(302, {**about, **linked, "Location": f"{hub.store}/store/{name}", "Content-Length": "0"})
        first = int(span.removeprefix("bytes=").removesuffix("-")) if span else 0
        body = content[first:]
        about |= {"ETag": '"no-sha"', "Accept-Ranges": "bytes", "Content-Length": str(len(body))}
        if span:
            about["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        self.head(206 if span else 200, about)
        if with_body:
            self.body(hub, name, body)

    def head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()

    def body(self, hub: Hub, name: str, body: bytes) -> None:
        broken = hub.cuts.get(name, 0) > 0
        hub.cuts[name] = hub.cuts.get(name, 0) - 1
        self.wfile.write(body[: len(body) // 2])
        if name in hub.held:
            self.wfile.flush()
            hub.release.wait(30)
        if broken or name in hub.held:
            self.close_connection = True
        else:
            self.wfile.write(body[len(body) // 2 :])

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """The hub, with an address, while the block runs."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.hub, server.daemon_threads = hub, True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        hub.release.set()
        server.shutdown()
        thread.join()
        server.server_close()
