"""What the local providers cost: the wire beside the model alone, and the wait for a first byte amid many streams.

Run: python benchmarks/sim.py
Prints medians and ratios taken in one run, at `quick` pace: nothing waits on purpose. Then, at `real` pace, how many
streams each provider's speed allows before the slowest of them takes a tenth longer than the facts say.
"""

from __future__ import annotations

import json
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Iterator

import httpx

from labkit import facts, lm
from labkit.probe.voices import voice_of
from labkit.sim import LocalServer

PROMPT = [{"role": "user", "content": "Tell me a story about a fox."}]
NO_END = {0: -100.0, 2: -100.0}  # the model is not to end its turn, so that every run is as long
TOKENS = 40


def median_s(work: Callable[[], object], rounds: int = 15) -> float:
    """Median wall time of `work`, the first run left out."""
    times = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def model_alone() -> None:
    """The same text without any HTTP."""
    model = lm.load()
    ids = lm.chat_ids(model.tokenizer, PROMPT)
    sampling = lm.Sampling(logit_bias=NO_END, ban=frozenset({1, 3, 4, 5, 6}))
    for _ in model.generate(ids, sampling, max_tokens=TOKENS, key=b"benchmark"):
        pass


class Wire:
    """Calls of the lab's own model through the server."""

    def __init__(self, server: LocalServer) -> None:
        self.url = server.provider_url("lab") + "/chat/completions"
        self.headers = {"Authorization": f"Bearer {server.facts['lab'].key.local}"}
        self.http = httpx.Client(timeout=120, trust_env=False, limits=httpx.Limits(max_connections=None))
        self.body = {
            "model": "lab-chat",
            "messages": PROMPT,
            "max_tokens": TOKENS,
            "logit_bias": {str(id): bias for id, bias in NO_END.items()},
        }

    def plain(self, **fields: object) -> None:
        """One answer in one piece."""
        self.http.post(self.url, json={**self.body, **fields}, headers=self.headers).raise_for_status()

    def arrivals(self) -> Iterator[float]:
        """Seconds from the request to each piece of a stream's body."""
        start = time.perf_counter()
        with self.http.stream("POST", self.url, json={**self.body, "stream": True}, headers=self.headers) as response:
            for piece in response.iter_raw():
                if b"data:" in piece:
                    yield time.perf_counter() - start

    def streams(self, count: int) -> tuple[list[float], list[float]]:
        """`count` streams at once: seconds to the first byte and to the last of each."""
        firsts, lasts = [], []

        def run() -> None:
            seen = list(self.arrivals())
            firsts.append(seen[0])
            lasts.append(seen[-1])

        threads = [threading.Thread(target=run) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return firsts, lasts


def streams_in_time(server: LocalServer, provider: str, http: httpx.Client) -> tuple[int, float]:
    """The most streams at once (1, 2, 4, … 64) that keep the pace of the facts, and by how much the next ones fail.

    Each tells a story of up to 40 tokens; its time may be a tenth and 50 ms beyond first token and rate of the facts.
    """
    known = server.facts[provider]
    model = known.model("chat")
    speed, voice = known.speed_of(model), voice_of(known)
    body = voice.body(model.id, PROMPT[0]["content"], {voice.limits[0]: TOKENS}, {"stream": True})
    headers = {known.key.header: f"{known.key.scheme} {known.key.local}".strip(), **voice.headers}
    best = 0
    for count in (1, 2, 4, 8, 16, 32, 64):
        excesses: list[float] = []

        def run(excesses: list[float] = excesses) -> None:
            url = server.provider_url(provider) + voice.path
            start = time.perf_counter()
            heard = voice.hear(http.post(url, json=body, headers=headers))
            took = time.perf_counter() - start
            tokens = heard.raw.count("data: {")
            allowed = (speed.first_token_s + tokens / speed.tokens_per_s) * 1.1 + 0.05
            excesses.append(took / allowed)

        threads = [threading.Thread(target=run) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if max(excesses) > 1:
            return best, max(excesses)
        best = count
    return best, 1.0


def consume(items: Iterable[object]) -> None:
    """Run through `items`."""
    for _ in items:
        pass


def main() -> None:
    """Print the measurements."""
    with LocalServer(facts.load(), pace="quick") as server:
        wire = Wire(server)
        alone = median_s(model_alone)
        plain = median_s(wire.plain)
        streamed = median_s(lambda: consume(wire.arrivals()))
        listing = median_s(lambda: wire.http.get(wire.url.replace("chat/completions", "models"), headers=wire.headers))
        print(f"model alone, {TOKENS} tokens    {alone * 1000:8.1f} ms")
        print(f"the same by HTTP          {plain * 1000:8.1f} ms   {plain / alone:.2f} of the model alone")
        print(f"the same streamed         {streamed * 1000:8.1f} ms   {streamed / alone:.2f} of the model alone")
        print(f"a call without a model    {listing * 1000:8.1f} ms   (GET /models)")
        for count in (1, 8, 32):
            firsts, lasts = wire.streams(count)
            rate = count * TOKENS / max(lasts)
            print(
                f"{count:3} streams: first byte after {statistics.median(firsts) * 1000:6.0f} ms (median), "
                f"{max(firsts) * 1000:6.0f} ms (worst); {rate:6.0f} tokens a second in all"
            )
        server.pace = "real"
        for provider in server.facts:
            if provider != "lab":
                count, excess = streams_in_time(server, provider, wire.http)
                speed = server.facts[provider].speed_of(server.facts[provider].model("chat"))
                told = f"{speed.first_token_s:g} s, then {speed.tokens_per_s:g} tokens a second"
                print(f"real pace, {provider:<11} {count:3} streams in time ({told}); the next: {excess:.2f} of it")
        troubles = [record.trouble for record in server.log if record.trouble]
        print(json.dumps({"requests": len(server.log), "troubles": len(troubles)}))


if __name__ == "__main__":
    main()
