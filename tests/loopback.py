"""A small HTTP server on this machine that does as it is told: answers, streams, breaks off, and keeps what it got."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Got:
    """One request as it arrived."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass
class Reply:
    """What to answer. parts: the body, each flushed by itself; cut: close the connection instead of ending it."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    parts: list[bytes] = field(default_factory=lambda: [b'{"ok": true}'])
    cut: bool = False
    chunked: bool = False


class Loopback:
    """`url`, and `got`: the requests so far. `reply` makes the answer from a request."""

    def __init__(self, reply: Callable[[Got], Reply]) -> None:
        self.got: list[Got] = []
        self.reply = reply
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_any(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length) if length else self._chunks()
                got = Got(self.command, self.path, list(self.headers.items()), body)
                loopback.got.append(got)
                answer = loopback.reply(got)
                whole = b"".join(answer.parts)
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if answer.chunked:
                    self.send_header("transfer-encoding", "chunked")
                else:
                    self.send_header("content-length", str(len(whole) + (10 if answer.cut else 0)))
                self.end_headers()
                for part in () if self.command == "HEAD" else answer.parts:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part) if answer.chunked else part)
                    self.wfile.flush()
                if answer.cut:
                    self.close_connection = True
                elif answer.chunked and self.command != "HEAD":
                    self.wfile.write(b"0\r\n\r\n")

            def _chunks(self) -> bytes:
                if self.headers.get("transfer-encoding") != "chunked":
                    return b""
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            do_HEAD = do_GET = do_POST = do_PUT = do_DELETE = handle_any

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Loopback:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def loopback(reply: Callable[[Got], Reply] | Reply | None = None) -> Iterator[Loopback]:
    """A server for the length of a `with`; reply: the answer, or what makes it from a request."""
    make = reply if callable(reply) else (lambda _: reply or Reply())
    with Loopback(make) as server:
        yield server
