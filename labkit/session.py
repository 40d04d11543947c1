"""`Lab`: the composition root. It starts the local providers, chooses local or live, hands out everything.

Only this module and the transport know whether a provider is local or live. Notebooks make plain `httpx` calls with
what it gives: an address, a key, a model's name.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, cast

from labkit import facts as facts_module
from labkit.accounts import Accounts
from labkit.clock import Clock, calendar
from labkit.cost import shown_usd
from labkit.errors import KeyMissing, ParameterError, StorageError, did_you_mean
from labkit.keys import Secret, find, install_log_filter, lab_home, not_secret
from labkit.proxies import spare_loopback

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from labkit.accounts import Reserved
    from labkit.compare import Comparison
    from labkit.estimates import Estimate
    from labkit.exercises.checking import Checker
    from labkit.exercises.map import Map
    from labkit.exercises.predictions import Guess
    from labkit.exercises.world import World
    from labkit.facts import Facts, Provider
    from labkit.probe import Finding, Report, Support
    from labkit.sim import LocalServer
    from labkit.sim.faults import Fault
    from labkit.view.frames import Table
    from labkit.wire import Exchange, ExchangeLog, Route
    from labkit.wire.tape import Tape

Pace = Literal["real", "quick"]
TIMEOUT_S = 60.0  # of lab.client; httpx's own default is 5 s, too short for a model that thinks

_servers: dict[datetime, LocalServer] = {}  # one a moment, for the life of the kernel
_servers_lock = threading.Lock()


class Lab:
    """The lab of one notebook. A second `Lab()` in the same kernel uses the same local server, counters reset.

    day: the providers as they were on that day ('2025-09-14'); the lab's moment (configs/course.yaml) unless given.
    live: names of providers to call for real, also LAB_LIVE=deepseek,openai; each needs its key.
    pace: 'real' (speeds of the facts) or 'quick' (as fast as the model runs); LAB_PACE unless given, else 'real'.
    seed: another number gives other texts from the local models, the same in every run.
    tier: the local account's tier, {"groq": "free"}; the highest documented one unless given.
    credit_usd: the local account's money, {"openrouter": 0.01}, which calls use up; without end unless given.
    budget_usd: what all live calls of this Lab together may cost at most.
    Raises FactsError for an unknown provider, ParameterError for an unknown tier, KeyMissing for a live one without a
    key, ServerError, ModelFileError.
    """

    def __init__(
        self,
        day: str | date | datetime | None = None,
        *,
        live: str | Iterable[str] = (),
        pace: Pace | None = None,
        seed: int = 0,
        tier: Mapping[str, str] | None = None,
        credit_usd: Mapping[str, Decimal | float | str] | None = None,
        budget_usd: Decimal | float | str = "0.25",
    ) -> None:
        install_log_filter()
        spare_loopback(os.environ)
        self._clock = Clock(facts_module.course_moment() if day is None else day)
        self._facts = facts_module.load(self._clock.now())
        self._live = self._live_keys(_names(live) or _names(os.environ.get("LAB_LIVE", "")))
        self._accounts = Accounts(self._facts, self._clock, self._live, calendar(), budget_usd)
        for provider in self._facts.values():
            not_secret(provider.key.local)
        self._server = _server(self._facts, self._clock, _pace(pace), seed, tier, credit_usd)
        from labkit.wire import ExchangeLog

        self._log = ExchangeLog(html=_log_html, cost=self._accounts.cost_usd)
        self._tape: Tape | None = None
        self._probed: dict[tuple[str, bool], tuple[dict[str, Finding | None], bool]] = {}  # (…, whether all were tried)
        print(self._greeting(), file=sys.stdout)

    # where and with what to call -------------------------------------------------------------------------------

    def url(self, provider: str) -> str:
        """The base URL: what goes into LibreChat's `baseURL` and the openai SDK's `base_url`; no slash at its end."""
        known = self._facts[provider]
        return known.address.base_url if provider in self._live else self._server.provider_url(provider)

    def sdk_url(self, provider: str) -> str:
        """The base URL that the provider's own SDK takes (some append the version themselves)."""
        known = self._facts[provider]
        return known.address.sdk_base_url if provider in self._live else self._server.sdk_url(provider)

    def key(self, provider: str) -> str:
        """What goes into the header: the local provider's fake key, or for a live one a placeholder.

        The placeholder becomes the real key inside `lab.client`'s transport alone, on its way to that provider.
        """
        from labkit.wire import placeholder

        known = self._facts[provider]
        return placeholder(provider) if provider in self._live else known.key.local

    def client(self, provider: str, **options: Any) -> httpx.Client:
        """A plain `httpx.Client` with base URL, key and other headers that every call needs; waits up to 60 s.

        Its calls stand in `lab.log`.
        options: further arguments of httpx.Client (`timeout=`, `headers=`). For a live provider it is the only way
        out of this machine, and stops at the budget.
        """
        import httpx

        known = self._facts[provider]
        value = f"{known.key.scheme} {self.key(provider)}".strip()
        headers = {known.key.header: value, **known.address.headers, **dict(options.pop("headers", None) or {})}
        return httpx.Client(
            base_url=self.url(provider),
            headers=headers,
            timeout=options.pop("timeout", TIMEOUT_S),
            transport=self._transport(),
            **options,
        )

    def send(self, request: httpx.Request) -> httpx.Response:
        """Send a request made elsewhere, by `cfg.request` for instance: as it is, at the lab's address, into `lab.log`.

        An address of a provider becomes the local one's, with the path as it was, unless the provider is live; where
        a `${VARIABLE}` or a hidden key stands in a header, the lab's key for it goes out. Waits up to 60 s, and reads
        the answer to its end. Raises LiveRefused for an address that is nobody's.
        """
        import httpx

        from labkit.config.address import sendable

        local = {name: self._server.provider_url(name) for name in self._facts if name not in self._live}
        keys = {name: self.key(name) for name in self._facts}
        with httpx.Client(transport=self._transport(), timeout=TIMEOUT_S) as client:
            return client.send(sendable(request, self._facts, local, keys))

    def model(self, provider: str, role: str = "chat") -> str:
        """A model of that provider that lives at the lab's moment, for a role: chat, reasoner, cheap, strong, title."""
        return self._facts[provider].model(role).id

    def retired(self, provider: str) -> list[str]:
        """The model ids of that provider that are retired at the lab's moment, in the facts' order."""
        now = self._clock.now()
        models = self._facts[provider].models.values()
        return [m.id for m in models if m.retired is not None and not facts_module.in_force(None, m.retired, now)]

    # what is known --------------------------------------------------------------------------------------------

    def models(self, *providers: str, role: str | None = None, unlisted: bool = False) -> Table:
        """The catalogue as a pandas DataFrame: context, output, prices in force now, speed, strengths, with sources.

        providers: these alone.  role: chat, reasoner, cheap, …  unlisted: further names of the same models, too.
        What no source says is None or NaN, and shown as 'not stated'.
        """
        from labkit.catalogue import catalogue

        return catalogue(self._facts, self._clock, providers=providers, role=role, unlisted=unlisted)

    def fact(self, provider: str, path: str) -> Fact:
        """One fact with its sources: `lab.fact("deepseek", "parameters.temperature")`. Prints readably."""
        return Fact(self._facts[provider], path)

    @property
    def facts(self) -> Facts:
        """All providers' facts as of the lab's moment, by name."""
        return self._facts

    @property
    def clock(self) -> Clock:
        """The lab's clock, which lessons may advance."""
        return self._clock

    # what happened --------------------------------------------------------------------------------------------

    @property
    def log(self) -> ExchangeLog:
        """Every exchange that went through `lab.client`, oldest first."""
        return self._log

    @property
    def spent_usd(self) -> Decimal:
        """What the live calls of this Lab have cost; local calls cost nothing."""
        return self._accounts.budget.spent_usd

    def cost_usd(self, exchange: Exchange) -> Decimal | None:
        """What a call of `lab.log` costs, from its usage and the price in force when it was made; None when unknown.

        A local call's is what it would cost, in lab tokens. A live answer that names its own price is taken at it.
        """
        return self._accounts.cost_usd(exchange)

    def costs(self) -> Table:
        """The running total per provider: calls, tokens, cost. Local calls and live ones stand apart.

        A live call whose cost its answer does not tell is booked at the most it could be; unpriced_calls counts them.
        """
        return self._accounts.table()

    def estimate(self, provider: str, body: Mapping[str, Any]) -> Estimate:
        """What this request will cost, before it is sent: tokens in by a named tokenizer, the longest answer's price.

        How far off such estimates are: `lab.estimates()`. Raises FactsError for a model that the facts do not have.
        """
        return self._accounts.estimate(provider, body)

    def plan(self, calls: Iterable[tuple[str, Mapping[str, Any], int]]) -> str:
        """What many calls will cost, before the first is sent: (provider, body, how often) each.

        A line for each live model and one for all: calls, estimate, the most it can be, the budget. '' when none of
        them is live. Raises FactsError for a model that the facts do not have.
        """
        from labkit.accounts import Planned

        told = self._accounts.plan(Planned(*call) for call in calls)
        if told and self._tape is not None:
            told += f"\n  What is on recording {self._tape.name!r} is played back, and costs nothing."
        return told

    def estimates(self) -> Table:
        """How far off estimates of a prompt's tokens are: for each call of `lab.log`, and for published examples."""
        return self._accounts.estimates(self._log)

    def record(self, name: str, *, folder: str | Path | None = None, only: bool = False) -> Tape:
        """From here on every call is kept in the recording `name`, and what is on it already is played back.

        A call is the same when provider, model and every parameter are; the nth one is answered by the nth recorded.
        So a notebook that was run live once runs again without key and network, with the same tables; each row still
        says 'live'. Keys are not kept.  folder: where it lies, `recordings` in LAB_HOME unless given.  only: what is
        not on it is refused instead of sent.  A recording that cannot be read or written is said in a sentence, and
        calls go on. Raises ParameterError for an impossible name.
        """
        from pathlib import Path as Place

        from labkit.wire.tape import Tape

        try:
            where = Place(folder) if folder is not None else lab_home() / "recordings"
        except StorageError as error:
            print(error)
            where = Place("recordings")
        self._tape = Tape(name, where, only=only)
        return self._tape

    def live_note(self, provider: str, body: Mapping[str, Any]) -> str:
        """In a sentence or two: where this body would go, or goes, and what that costs at most."""
        known = self._facts[provider]
        ceiling = self._accounts.ceiling_usd(provider, body)
        where = known.address.base_url + known.address.paths["chat"]
        price = known.sources_of(f"models.{body.get('model')}.prices") if body.get("model") in known.models else ()
        dated = f" (price as of {price[0].as_of})" if price and ceiling is not None else ""
        if provider in self._live:
            return (
                f"This call leaves this machine, to {where}. It costs at most {shown_usd(ceiling)}{dated}; "
                f"spent so far: {shown_usd(self.spent_usd)} of {shown_usd(self._accounts.budget.limit_usd)}."
            )
        if provider == "lab":
            return "This call stays on this machine: the lab's own models have no other place."
        return (
            f"This call stays on this machine. Started with LAB_LIVE={provider} and {known.key.variables[0]} set, the "
            f"same cell would send it to {where}, for at most {shown_usd(ceiling)}{dated}."
        )

    # how it behaves -------------------------------------------------------------------------------------------

    @property
    def pace(self) -> Pace:
        """'real': local providers take the time that their facts say. 'quick': as fast as the model runs."""
        return self._server.pace

    @contextmanager
    def at_pace(self, pace: Pace) -> Iterator[None]:
        """Another pace for the calls inside the `with` block."""
        before = self._server.pace
        self._server.pace = _pace(pace)
        try:
            yield
        finally:
            self._server.pace = before

    def fault(
        self, provider: str, kind: str, *, times: int | None = None, lasts_s: float | None = None, **options: Any
    ) -> Fault:
        """Have a local provider misbehave: `with lab.fault("groq", "overloaded", times=2): …`.

        kind: rate_limit, server_error, stall, cut, refused, …; a wrong word is answered with all there are.
        times: for so many requests, for all unless given.  lasts_s: for so many seconds of lab time.
        options: what that kind takes, such as `seconds=` or `after=` (pieces of the answer).
        It ends with the `with` block, by `.end()`, or with the next `Lab()`. Faults of the address (refused, tls,
        unknown_host) change what `lab.url` says. Raises ParameterError, FactsError.
        """
        if provider in self._live:
            raise ParameterError(
                f"{self._facts[provider].label} is live, and nobody can ask it to fail",
                where="lab.fault",
                do="Leave it out of live= to have the local one misbehave",
            )
        return self._server.faults.add(provider, kind, times=times, lasts_s=lasts_s, **options)

    def faults(self) -> list[Fault]:
        """The faults in force, oldest first."""
        return self._server.faults.in_force()

    def probe(
        self,
        provider: str,
        model: str | None = None,
        *,
        body: Mapping[str, Any] | None = None,
        only: Sequence[str] = (),
        native: bool = False,
        tell: Callable[[str], None] | None = None,
    ) -> Report:
        """Send each parameter in turn: refused, ignored or honoured, as the answers show, and what the facts say.

        model: the provider's chat model unless given.  body: fields that every request has.  only: these parameters.
        native: Ollama's own API.  tell: called with each parameter's name before it is tried.
        Some hundred requests; a live provider is called behind the same key and budget as ever. Raises LabError.
        """
        import time

        from labkit.probe import Report, compare, probe

        known, live = self._facts[provider], provider in self._live
        with self.client(provider) as client:
            seen = probe(
                client,
                known,
                model or self.model(provider),
                body=body,
                only=tuple(only),
                native=native,
                sleep=time.sleep if live else self._clock.sleep,
                tell=tell,
            )
        differences = compare(seen, known)
        return Report(seen, differences, "live" if live else "local", f"{self._clock.now():%Y-%m-%d}")

    def support(self, *providers: str, only: Sequence[str] = (), tell: Callable[[str], None] | None = None) -> Support:
        """The support matrix: what became of each parameter at each provider, refused, ignored, honoured or unknown.

        providers: all eight unless given.  only: these parameters; all of them at all providers are some thousand
        requests, many minutes.  tell: called with each provider's name before it is probed.
        What was measured once in this Lab is not measured again. A live provider is called behind key and budget.
        Raises FactsError, ParameterError, LabError.
        """
        import time

        from labkit.probe import Support, probe
        from labkit.probe.support import check_names

        known = [self._facts[name] for name in providers or [name for name in self._facts if name != "lab"]]
        check_names(only, known)
        for provider in known:
            live = provider.id in self._live
            seen, whole = self._probed.setdefault((provider.id, live), ({}, False))
            wanted = tuple(name for name in only if name not in seen)
            if whole or (only and not wanted):
                continue
            if tell is not None:
                tell(provider.id)
            with self.client(provider.id) as client:
                found = probe(
                    client,
                    provider,
                    self.model(provider.id),
                    only=wanted,
                    refusals=False,
                    sleep=time.sleep if live else self._clock.sleep,
                )
            seen.update({one.parameter: one for one in found.findings})
            seen.update({name: None for name in wanted if name not in seen})
            self._probed[provider.id, live] = (seen, not only)
        return Support(
            known,
            {provider.id: self.model(provider.id) for provider in known},
            {
                provider.id: {
                    name: one
                    for name, one in self._probed[provider.id, provider.id in self._live][0].items()
                    if one is not None and (not only or name in only)
                }
                for provider in known
            },
        )

    def compare(
        self,
        prompts: str | Sequence[Any],
        targets: Iterable[object] | None = None,
        *,
        n: int = 3,
        max_tokens: int = 64,
        stream: bool = True,
        workers: int | None = None,
        seed: int = 0,
        warm_up: bool = True,
        **fields: Any,
    ) -> Comparison:
        """Each prompt `n` times to each target, side by side: times, tokens, cost, text; see `labkit.compare`.

        targets: 'groq', 'groq:reasoner', ('groq', a model's id), or mappings with further fields; all providers unless
        given.  fields: further fields of every request. Failures are rows, not exceptions. What live calls will cost,
        and what at most, is printed before the first of them.
        """
        from labkit.compare import compare

        return compare(
            self,
            prompts,
            targets,
            n=n,
            max_tokens=max_tokens,
            stream=stream,
            workers=workers,
            seed=seed,
            warm_up=warm_up,
            **fields,
        )

    def is_live(self, provider: str) -> bool:
        """Whether that provider's answers are the real one's: asked for by name, or played back from a recording."""
        return provider in self._live or (self._tape is not None and self._tape.holds_live(provider))

    def predict(self, id: str, guess: Any) -> Guess:
        """Commit to a guess before an experiment; `...` shows the question. `.reveal(actual)` sets both together."""
        from labkit.exercises.predictions import predict
        from labkit.exercises.progress import Progress

        return predict(id, guess, Progress(lab_home() / "progress.json"))

    def exercise(self, id: str) -> Checker:
        """An exercise: `.check(answer)` says what became of it, `.hint()` gives the next hint, `.solution()` shows one.

        Its cases run at local providers of their own: nothing in them changes what this Lab's providers answer.
        """
        from labkit.exercises import registry
        from labkit.exercises.checking import Checker
        from labkit.exercises.progress import Progress

        return Checker(registry.exercise(id), _world, Progress(lab_home() / "progress.json"))

    def progress(self) -> Map:
        """The map of the course: what is done, what is open, how many minutes are left."""
        from labkit.exercises.map import drawn
        from labkit.exercises.progress import Progress

        path = lab_home() / "progress.json"
        return drawn(Progress(path).read(), f"{path.name} in your LAB_HOME folder")

    def __repr__(self) -> str:
        return f"<{self._greeting()}>"

    # inside ---------------------------------------------------------------------------------------------------

    def _greeting(self) -> str:
        mode = f"LIVE: {', '.join(self._live)}; the others local" if self._live else "local"
        return f"The lab is ready · {mode} · {self._clock.now():%Y-%m-%d} · providers: {', '.join(self._facts)}"

    def _live_keys(self, names: list[str]) -> dict[str, Secret]:
        keys: dict[str, Secret] = {}
        for name in names:
            known = self._facts[name]
            if name == "lab":
                raise ParameterError(
                    "the lab's own models are local by nature", where="Lab(live=…)", right="Name a provider"
                )
            secret = find(known.key.variables)
            if secret is None:
                page = f", from {known.key.page}" if known.key.page else ""
                raise KeyMissing(
                    f"{known.label} was asked for live, but no key is set",
                    where="Lab(live=…)",
                    right=f"The key stands in {' or '.join(known.key.variables)}{page}",
                    do="Write it into .env beside lab.py and run this cell again, or leave live= out",
                )
            keys[name] = secret
        return keys

    def _transport(self) -> httpx.BaseTransport:
        from labkit.wire import RecordingTransport, Route

        routes = [
            Route(name, self.url(name), "live" if name in self._live else "local", self._live.get(name))
            for name in self._facts
        ]
        return RecordingTransport(
            log=self._log, routes=routes, allow=self._accounts.reserve, settle=self._settle, replay=self._replay
        )

    def _settle(self, exchange: Exchange, reserved: Reserved | None) -> None:
        self._accounts.settle(exchange, reserved)
        if self._tape is not None and exchange.provider in self._facts:
            from labkit.wire.tape import request_key

            key = request_key(exchange.provider, self.url(exchange.provider), exchange.request)
            if key is not None:
                self._tape.keep(exchange, key)

    def _replay(self, request: httpx.Request, route: Route) -> Exchange | None:
        """What the recording has for this request; None sends it."""
        tape = self._tape
        if tape is None:
            return None
        from labkit.wire.capture import sent_of
        from labkit.wire.tape import request_key

        key = request_key(route.provider, self.url(route.provider), sent_of(request)[0])
        kept = tape.take(key, live=route.place == "live") if key is not None else None
        if kept is not None:
            self._accounts.book(kept)
        elif tape.only:
            raise tape.missing(f"this call to {self._facts[route.provider].label}")
        elif route.place == "local" and tape.holds_live(route.provider):
            tape.say_once(
                f"Recording {tape.name!r} has live calls to {self._facts[route.provider].label}, but not this one: the "
                "local provider answers it."
            )
        return kept


class Fact:
    """What the facts say at one place, with sources and dates."""

    def __init__(self, provider: Provider, path: str) -> None:
        self.provider, self.path = provider.label, path
        self.sources = provider.sources_of(path)
        value: Any = provider
        self.invented = ""
        for key in provider.keys_to(path):
            value = value.get(key) if isinstance(value, Mapping) else getattr(value, key, None)
            if getattr(value, "invented", False):
                self.invented = getattr(value, "note", None) or "nobody documents it"
        self.value = value

    def __str__(self) -> str:
        sources = "; ".join(f"{s.url or s.what} (as of {s.as_of})" for s in self.sources)
        invented = f"\nIn part invented for the lab: {self.invented}" if self.invented else ""
        return f"{self.provider}, {self.path}: {_plain(self.value)}\nSource: {sources}{invented}"

    __repr__ = __str__


def _plain(value: Any) -> str:
    if hasattr(value, "model_dump"):
        kept = value.model_dump(exclude_defaults=True, exclude={"source", "evidence"}, mode="json")
        cases = kept.pop("cases", ())
        kept = {**{k: v for k, v in kept.items() if k != "note"}, **({"note:": kept["note"]} if "note" in kept else {})}
        parts = [
            f"{name.rstrip('_')} {json.dumps(inner) if name == 'body' else _plain(inner)}"
            for name, inner in kept.items()
            if name == "body" or not isinstance(inner, dict)
        ]
        for case in cases:
            when = ", ".join(f"{k} {_plain(v)}" for k, v in case["when"].items() if v not in ((), {}, None, [], ""))
            parts.append(f"when {when}: {case['then'].get('fate', 'as above')}")
        return "; ".join(parts)
    if isinstance(value, (list, tuple)):
        return ", ".join(_plain(item) for item in value)
    return "not stated" if value is None else str(value)


def _server(
    facts: Facts,
    clock: Clock,
    pace: Pace,
    seed: int,
    tiers: Mapping[str, str] | None,
    credit_usd: Mapping[str, Decimal | float | str] | None,
) -> LocalServer:
    """The kernel's server for that moment: made once, reset for each new Lab."""
    from labkit.sim import LocalServer

    with _servers_lock:
        server = _servers.get(facts.moment)
        if server is None:
            server = LocalServer(facts, clock=clock, pace=pace, seed=seed, tiers=tiers, credit_usd=credit_usd)
            server.start()
            atexit.register(server.stop)
            _servers[facts.moment] = server
        else:
            server.reset(clock=clock, pace=pace, seed=seed, tiers=tiers, credit_usd=credit_usd)
    return server


@lru_cache(maxsize=1)
def _world() -> World:
    """The kernel's world of the exercises: made once, with providers of its own when a case needs them."""
    from labkit.exercises.world import World

    world = World(exercise_server)
    atexit.register(world.close)
    return world


def exercise_server() -> LocalServer:
    """Local providers for the cases of exercises, at the lab's moment and a quick pace."""
    from labkit.sim import LocalServer

    return LocalServer(facts_module.load(), pace="quick").tell_again().start()


def _names(value: str | Iterable[str]) -> list[str]:
    items = value.split(",") if isinstance(value, str) else list(value)
    return [item.strip() for item in items if item.strip()]


def _pace(value: str | None) -> Pace:
    chosen = (value or os.environ.get("LAB_PACE") or "real").strip().lower()
    if chosen not in ("real", "quick"):
        raise ParameterError(
            f"{chosen!r} is no pace",
            where="pace (or LAB_PACE)",
            right=f"'real' or 'quick'. {did_you_mean(chosen, ['real', 'quick'])}".strip(),
        )
    return cast(Pace, chosen)


def _log_html(exchanges: Sequence[Exchange], costs: Sequence[Decimal | None]) -> str:
    from labkit.view import log_html  # loaded when a log is shown: starting does without it

    return log_html(exchanges)
