"""Whether the lab's links still lead somewhere: asked politely, one request at a time, and told as a table.

HEAD first, GET where HEAD is not liked, never a body. A host gets at most one request a second, the hosts take turns,
and what asks for a pause gets it once; then its other links are left alone. No key is ever sent.
"""

from __future__ import annotations

import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from urllib.parse import urldefrag, urlsplit

import httpx

from labkit import __version__
from labkit.errors import ServerError
from labkit.links import Link
from labkit.wire.waits import wait_asked_s

TIMEOUT_S = 20.0
APART_S = 1.0
LONGEST_PAUSE_S = 60.0
HOPS = 5
GIVE_UP = 4  # hosts in a row that cannot be reached, from the first on: there is no network
HEADERS = {"user-agent": f"labkit/{__version__} (a course's link check)", "accept": "*/*"}

VERDICTS = {
    "ok": "answers",
    "moved": "answers elsewhere",
    "closed": "does not let a program look: open it in a browser",
    "dead": "is gone",
    "silent": "did not answer as it should: try again later",
    "not asked": "was not asked",
}
BAD = ("dead", "silent")
CLOSED = {401, 402, 403, 407, 429, 451, 999}  # 999: LinkedIn's own


@dataclass(frozen=True)
class Outcome:
    """What one address answered. status: of the last answer, None without one.  note: redirects, or what went wrong."""

    url: str
    verdict: str
    status: int | None = None
    note: str = ""


@dataclass
class Asker:
    """Asks addresses one after another. now, sleep: a clock and a wait in seconds."""

    client: httpx.Client
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    apart_s: float = APART_S
    _free_at: dict[str, float] = field(default_factory=dict)
    _wants_rest: set[str] = field(default_factory=set)

    def ask(self, url: str) -> Outcome:
        """HEAD, then GET where that was refused; a 429 is asked once more after the pause that it wants."""
        host = urlsplit(url).netloc
        if host in self._wants_rest:
            return Outcome(url, "not asked", None, "the host asked for a pause, and is left alone")
        outcome, pause_s = self._look(url)
        if outcome.status == 429 and pause_s <= LONGEST_PAUSE_S:
            self._free_at[host] = self.now() + pause_s
            outcome, _ = self._look(url)
        if outcome.status == 429:
            self._wants_rest.add(host)
        return outcome

    def _look(self, url: str) -> tuple[Outcome, float]:
        outcome, pause_s = self._send("HEAD", url)
        if outcome.verdict in ("ok", "moved") or outcome.status == 429:
            return outcome, pause_s
        return self._send("GET", url)

    def _send(self, method: str, url: str) -> tuple[Outcome, float]:
        host = urlsplit(url).netloc
        wait_s = self._free_at.get(host, 0.0) - self.now()
        if wait_s > 0:
            self.sleep(wait_s)
        try:
            with self.client.stream(method, url) as response:
                pause_s = wait_asked_s(response.headers.items())
                return _judged(url, response), 5.0 if pause_s is None else pause_s
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Outcome(url, *_failed(error)), 0.0
        finally:
            self._free_at[host] = self.now() + self.apart_s


def client(timeout_s: float = TIMEOUT_S) -> httpx.Client:
    """What `Asker` asks with: follows redirects, waits no longer than `timeout_s` for each step."""
    return httpx.Client(follow_redirects=True, max_redirects=HOPS, timeout=timeout_s, headers=HEADERS)


def _judged(url: str, response: httpx.Response) -> Outcome:
    status, end = response.status_code, str(response.url)
    steps = [str(each.status_code) for each in response.history]
    note = f"{', '.join(steps)} to {end}" if steps else ""
    if response.is_success:
        if steps and urlsplit(url).path.strip("/") and not urlsplit(end).path.strip("/"):
            return Outcome(url, "dead", status, f"{note}, the front page")
        return Outcome(url, "moved" if steps else "ok", status, note)
    if status in CLOSED:
        return Outcome(url, "closed", status, note)
    return Outcome(url, "dead" if status < 500 else "silent", status, note)


def _failed(error: Exception) -> tuple[str, None, str]:
    """Verdict, no status, and a sentence for what broke before an answer came."""
    said, cause = str(error), error.__cause__ or error.__context__
    if isinstance(error, httpx.TimeoutException):
        return "silent", None, "no answer in time"
    if isinstance(error, httpx.TooManyRedirects):
        return "dead", None, f"more than {HOPS} redirects"
    if isinstance(error, (httpx.InvalidURL, httpx.UnsupportedProtocol)):
        return "dead", None, f"leads to what is no address ({said})"
    if "CERTIFICATE_VERIFY_FAILED" in said or isinstance(cause, ssl.SSLCertVerificationError):
        return "dead", None, "its certificate is not valid"
    if isinstance(error, httpx.ConnectError):
        return "silent", None, f"cannot be reached ({said})"
    return "silent", None, f"broke off ({type(error).__name__})"


def in_turn(urls: Iterable[str]) -> list[str]:
    """Each address once, without its #fragment, the hosts taking turns.

    >>> in_turn(["https://a.org/1", "https://a.org/2#x", "https://b.org", "https://a.org/2"])
    ['https://a.org/1', 'https://b.org', 'https://a.org/2']
    """
    hosts: dict[str, dict[str, None]] = {}
    for url in urls:
        whole = urldefrag(url).url
        hosts.setdefault(urlsplit(whole).netloc, {})[whole] = None
    return [url for turn in zip_longest(*hosts.values()) for url in turn if url is not None]


def ask_all(urls: Iterable[str], asker: Asker, tell: Callable[[str], None] = lambda line: None) -> list[Outcome]:
    """What each address answers. tell: is handed a line after each.

    Ends early, with what there is, when interrupted. Raises ServerError when none of the first hosts can be reached.
    """
    waiting, outcomes = in_turn(urls), list[Outcome]()
    try:
        for number, url in enumerate(waiting, 1):
            outcomes.append(asker.ask(url))
            tell(f"{number}/{len(waiting)} {outcomes[-1].verdict} {url}")
            unreached = [each for each in outcomes if each.note.startswith("cannot be reached")]
            if len(unreached) == len(outcomes) == min(GIVE_UP, len(waiting)):
                raise ServerError(
                    f"none of the first {len(outcomes)} addresses can be reached",
                    where="linkcheck",
                    right=unreached[-1].note,
                    do="Look whether this machine has a network, and whether HTTPS_PROXY is what you think",
                )
    except KeyboardInterrupt:
        outcomes += [Outcome(url, "not asked", None, "stopped") for url in waiting[len(outcomes) :]]
    return outcomes


def report(outcomes: Sequence[Outcome], known: Sequence[Link]) -> Iterator[str]:
    """The table, the worst first: verdict, status, address, what else there is to say, each place that names it."""
    places: dict[str, list[str]] = {}
    for link in known:
        dated = f"{link.where} (read {link.as_of})" if link.as_of else link.where
        places.setdefault(urldefrag(link.url).url, []).append(dated)
    for verdict in ("dead", "silent", "closed", "not asked", "moved"):
        rows = [each for each in outcomes if each.verdict == verdict]
        if rows:
            yield f"\n{verdict.upper()}: {len(rows)}. Such a page {VERDICTS[verdict]}."
        for row in rows:
            yield f"  {row.status or '–':<4} {row.url}" + (f"\n       {row.note}" if row.note else "")
            yield from (f"       in {place}" for place in places.get(row.url, []))
    counts = Counter(each.verdict for each in outcomes)
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict])
    yield f"\n{len(outcomes)} addresses: {told or 'none'}."
