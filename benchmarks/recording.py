"""What recording costs: calls by lab.client beside calls by bare httpx, to the same server, in turns.

    python benchmarks/recording.py [calls]

First a provider of the lab, which is what a notebook calls. Then, as the worst that can be, a server on loopback that
answers at once and does nothing: with a small JSON body, a stream of 100 pieces, and 100 kB. Each number is the median
over rounds of (a round by lab.client) / (the round by httpx beside it); 1.15 is the aim. Counted is the processor's
time of client and server together: on an idle machine what a call takes, and on a busy one it still means something.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from threading import Thread

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE))

import httpx  # noqa: E402

from labkit.wire import ExchangeLog, RecordingTransport, Route  # noqa: E402

AIM = 1.15
ROUNDS = 9
SMALL = b'{"choices": [{"message": {"role": "assistant", "content": "Hi"}}], "usage": {"prompt_tokens": 9}}'
PIECE = b'data: {"choices": [{"index": 0, "delta": {"content": " word"}, "finish_reason": null}]}\n\n'
ANSWERS = {
    "a small answer": (SMALL, "application/json"),
    "a stream of 100 pieces": (PIECE * 100, "text/event-stream"),
    "an answer of 100 kB": (b'{"content": "' + b"word " * 20_000 + b'"}', "application/json"),
}
CHAT = {"model": "m", "messages": [{"role": "user", "content": "Say hi."}]}


class _Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one write an answer: pieces written singly would wait for the other side's acknowledgement
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        body, kind = list(ANSWERS.values())[int(self.path.strip("/").split("/")[1])]
        stream = kind == "text/event-stream"
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header(*(("transfer-encoding", "chunked") if stream else ("content-length", str(len(body)))))
        self.end_headers()
        if not stream:
            self.wfile.write(body)
            return
        for start in range(0, len(body), len(PIECE)):
            part = body[start : start + len(PIECE)]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def timed(send: Callable[[], object], calls: int) -> float:
    """Seconds of the processor for so many calls."""
    start = time.process_time()
    for _ in range(calls):
        send()
    return time.process_time() - start


def _post(url: str, client: httpx.Client) -> object:
    return client.post(url, json=CHAT)


def compared(
    bare: httpx.Client, lab: httpx.Client, send: Callable[[httpx.Client], object], calls: int, log: ExchangeLog
) -> tuple[float, float]:
    """(how many times bare httpx, seconds more a call), medians over the rounds."""
    for client in (bare, lab):
        timed(partial(send, client), 5)
    ratios, more = [], []
    for turn in range(ROUNDS):
        order = (bare, lab) if turn % 2 else (lab, bare)
        took = {client: timed(partial(send, client), calls) for client in order}
        ratios.append(took[lab] / took[bare])
        more.append((took[lab] - took[bare]) / calls)
        log.clear()
    return statistics.median(ratios), statistics.median(more)


def of_the_lab(calls: int) -> tuple[float, float]:
    """A short answer of a local provider."""
    from labkit import Lab

    with redirect_stdout(StringIO()):
        lab = Lab(pace="quick")
    body = {**CHAT, "model": lab.model("lab"), "max_tokens": 4}
    headers = {"authorization": f"Bearer {lab.key('lab')}"}
    url = f"{lab.url('lab')}/chat/completions"
    with httpx.Client(headers=headers, timeout=60, trust_env=False) as bare, lab.client("lab") as recorded:
        return compared(bare, recorded, lambda client: client.post(url, json=body), calls, lab.log)


def main(arguments: list[str]) -> int:
    """Print a line for each kind of answer; exit status 1 when the lab's own provider is above the aim."""
    calls = int(arguments[0]) if arguments else 100
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}/bench"
    headers = {"authorization": "Bearer lab-fake-key"}
    found = {"a provider of the lab, 4 tokens": of_the_lab(max(calls // 4, 5))}
    for number, name in enumerate(ANSWERS):
        log = ExchangeLog()
        transport = RecordingTransport(log=log, routes=[Route("bench", base, "local")])
        with (
            httpx.Client(headers=headers, trust_env=False) as bare,
            httpx.Client(headers=headers, transport=transport) as lab,
        ):
            found[name] = compared(bare, lab, partial(_post, f"{base}/{number}"), calls, log)
    for name, (ratio, more_s) in found.items():
        print(f"{name}: {ratio:.3f} times bare httpx, {1e6 * more_s:.0f} µs more a call")
    server.shutdown()
    return int(next(iter(found.values()))[0] > AIM)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
