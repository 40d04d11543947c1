"""Carrying the experiments out: asking, waiting where a limit says so, judging from the exchange alone."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx

from labkit.errors import LabError
from labkit.probe.battery import Experiment, Ladder, battery, text_of
from labkit.probe.refusals import natural_refusals
from labkit.probe.seen import Bound, Finding, NotTried, Seen, Verdict
from labkit.probe.statistics import mean, p_value, same_pairs
from labkit.probe.voices import Heard, Voice, voice_of

if TYPE_CHECKING:
    from labkit.facts import Provider

FEW, MANY, MOST = 6, 12, 36
"""Answers of each arm: so many first, more where those did not decide, most where chance still may have had a hand in
it. 6 against 6 can reach p = 0.001."""
SURE, UNSURE = 0.002, 0.2
"""Below the first p an effect is seen; above the second none is; between them more answers are asked for."""
PATIENCE = 6
"""So often a request is repeated that met a rate limit or an overloaded server."""
OWN_KEY = "the client's own"
ENOUGH = 300
"""Tokens for an answer of a model that reasons first."""


def probe(
    client: httpx.Client,
    provider: Provider,
    model: str,
    *,
    body: Mapping[str, Any] | None = None,
    only: tuple[str, ...] = (),
    native: bool = False,
    refusals: bool = True,
    sleep: Callable[[float], None] = time.sleep,
    tell: Callable[[str], None] | None = None,
) -> Seen:
    """Try every parameter of `model` in turn and say what was seen.

    client: has base URL and key, as `lab.client` makes it.  provider: where paths and dialect are read from; none of
    its other facts is looked at.  body: fields that every request has (`{"thinking": {"type": "disabled"}}`).
    only: names of parameters; all unless given.  native: through the provider's own API beside OpenAI's dialect.
    refusals: whether to try what every provider refuses, too.  sleep: what waits when a limit says so.
    tell: called with a line before each parameter.
    Raises LabError where not even a plain request is answered.
    """
    prober = _Prober(client, voice_of(provider, native=native), model, dict(body or {}), sleep)
    start = time.perf_counter()
    seen = Seen(provider.id, model, prober.fields, native)
    seen.thinks = prober.begin()
    for experiment in battery(prober.voice):
        if only and experiment.parameter not in only:
            continue
        if tell is not None:
            tell(experiment.parameter)
        seen.findings.append(prober.carry_out(experiment))
    if refusals:
        seen.refusals += natural_refusals(prober.exchange, prober.voice, model)
    seen.models = prober.models()
    seen.requests, seen.seconds = prober.requests, time.perf_counter() - start
    return seen


class _Prober:
    """One probe at work: what all experiments share."""

    def __init__(
        self, client: httpx.Client, voice: Voice, model: str, fields: dict[str, Any], sleep: Callable[[float], None]
    ) -> None:
        self.client, self.voice, self.model, self.fields, self.sleep = client, voice, model, fields, sleep
        self.requests = 0
        self.limit: str | None = voice.limits[0]
        self.thinks = self.hidden = False  # hidden: it reasons, and only what comes after is told
        self._arms: dict[str, list[Heard]] = {}

    # asking ---------------------------------------------------------------------------------------------------

    def exchange(self, method: str, path: str, *, key: str | None = OWN_KEY, **options: Any) -> httpx.Response:
        """Send, and wait and send again where a limit or an overloaded server says so. Raises NotTried.

        key: another one than the client's, or None for none at all.
        """
        for turn in range(PATIENCE):
            self.requests += 1
            base = str(self.client.base_url).rstrip("/").removesuffix(getattr(self.voice, "beside", ""))
            request = self.client.build_request(method, base + path, **options)
            if key != OWN_KEY:
                request.headers.pop("authorization", None)
                request.headers.pop("x-api-key", None)
            if key and key != OWN_KEY:
                name, value = self.voice.credentials(key)
                request.headers[name] = value
            try:
                response = self.client.send(request)
            except LabError as error:
                raise NotTried(str(error)) from None
            except httpx.HTTPError as error:
                raise NotTried(f"there was no answer ({type(error).__name__})") from None
            if response.status_code not in (429, 503, 529) or turn == PATIENCE - 1:
                return response
            self.sleep(_wait_s(response, turn))
        raise AssertionError("unreachable")

    def ask(self, prompt: str, fields: Mapping[str, Any], tokens: int) -> Heard:
        """One request with the fields that all have and those on trial."""
        limit = {self.limit: tokens} if self.limit else {}
        body = self.voice.body(self.model, prompt, limit, {**self.fields, **fields})
        return self.voice.hear(self.exchange("POST", self.voice.path, json=body, headers=self.voice.headers))

    def arm(self, experiment: Experiment, fields: Mapping[str, Any], count: int) -> list[Heard]:
        """`count` answers to the same request, asked for once in all."""
        long = (self.hidden and experiment.test != "sure") or (self.thinks and experiment.text)
        tokens = max(experiment.tokens, ENOUGH) if long else experiment.tokens
        answers = self._arms.setdefault(f"{experiment.prompt} {tokens} {text_of(fields)}", [])
        while len(answers) < count and (not answers or answers[-1].taken):
            answers.append(self.ask(experiment.prompt, fields, tokens))
        return answers[:count]

    def begin(self) -> bool:
        """Find the field that bounds an answer's length; returns whether the model reasons first. Raises LabError."""
        heard = None
        for name in (*self.voice.limits, None):
            self.limit = name
            try:
                heard = self.ask("Hi", {}, 64)
            except NotTried as error:
                raise LabError(f"not even a plain request could be sent: {error}", where="probe") from None
            if heard.taken:
                self.thinks = heard.worked
                self.hidden = heard.worked and not any(choice.working for choice in heard.choices)
                return heard.worked
        assert heard is not None
        raise LabError(
            f"a plain request to {self.model} is answered with {heard.status}: {heard.message}",
            where="probe",
            right="A probe begins where a request without any parameter succeeds",
        )

    def models(self) -> list[str] | None:
        """The ids in the list of models."""
        try:
            response = self.exchange("GET", self.voice.models_path, headers=self.voice.headers)
            listed = response.json()
        except (NotTried, ValueError):
            return None
        entries = listed.get("data") or listed.get("models") if isinstance(listed, dict) else listed
        if response.status_code != 200 or not isinstance(entries, list):
            return None
        return [str(entry.get("id") or entry.get("name")) for entry in entries if isinstance(entry, dict)]

    # judging --------------------------------------------------------------------------------------------------

    def carry_out(self, experiment: Experiment) -> Finding:
        """Try one parameter."""
        try:
            return self._carry_out(experiment)
        except NotTried as error:
            return Finding(experiment.parameter, "not tried", dict(experiment.tried), str(error))

    def _carry_out(self, experiment: Experiment) -> Finding:
        finding = self._effect(experiment, experiment.tried)
        for fields in experiment.or_else:
            if finding.verdict == "honoured":
                break
            other = self._effect(experiment, fields)
            if other.verdict == "honoured" or (finding.verdict == "refused" and other.verdict != "refused"):
                finding = other
        if finding.verdict == "refused":
            return finding
        bounds = tuple(bound for ladder in experiment.ladders if (bound := self._bound(experiment, ladder)))
        wrong = self.ask("Hi", experiment.wrong, 4) if experiment.wrong else None
        if wrong is None or experiment.wrong is None:
            return replace(finding, bounds=bounds)
        sent = experiment.wrong.get(experiment.parameter)
        return replace(finding, bounds=bounds, wrong_type=wrong.status, wrong_sent=sent)

    def _effect(self, experiment: Experiment, fields: Mapping[str, Any]) -> Finding:
        def finding(verdict: Verdict, why: str, refused: Heard | None = None) -> Finding:
            status, message = (refused.status, refused.message) if refused else (None, "")
            return Finding(experiment.parameter, verdict, dict(fields), why, status, message)

        first = self.arm(experiment, fields, 1)[0]
        if not first.taken:
            alone = {k: v for k, v in fields.items() if k == experiment.parameter}
            return finding("refused", f"{text_of(alone or fields)} is answered with {first.status}", first)
        if experiment.test == "none":
            return finding("accepted", "taken; no answer could show an effect")
        if experiment.test == "apart" and (found := self._apart(experiment, fields)):
            return finding(*found)
        count = 2 if experiment.test == "sure" else FEW
        while True:
            plain, tried = self.arm(experiment, experiment.plain, count), self.arm(experiment, fields, count)
            broken = next((heard for heard in (*plain, *tried) if not heard.taken), None)
            if broken is not None:
                if experiment.parameter in experiment.plain:
                    return finding("refused", f"{text_of(experiment.plain)} is answered with {broken.status}", broken)
                return finding(
                    "unclear", f"a request to compare with was answered with {broken.status}: {broken.message}"
                )
            verdict, why = _judge(experiment, plain, tried, last=count >= MANY)
            if verdict == "ignored" and experiment.else_accepted:
                return finding("accepted", "taken; its effect, if any, is one of degree")
            if verdict is not None and (verdict != "unclear" or count >= MOST):
                return finding(verdict, why)
            # A sign that comes by itself too needs more.
            count = MOST if experiment.test == "sure" or count >= MANY else MANY

    def _apart(self, experiment: Experiment, fields: Mapping[str, Any]) -> tuple[Verdict, str] | None:
        """What two arms show whose answers something keeps alike; None where they are not alike."""
        one, other = (self.arm(experiment, {**experiment.calm, **arm}, 3) for arm in (fields, experiment.plain))
        if not all(heard.taken for heard in (*one, *other)):
            return None
        ours, theirs = Counter(heard.said for heard in one), Counter(heard.said for heard in other)
        (mine, count), (yours, as_many) = ours.most_common(1)[0], theirs.most_common(1)[0]
        if min(count, as_many) < 2:
            return None
        with_ = f"with {text_of(experiment.calm)}"
        if mine != yours:
            return "honoured", f"another answer than {text_of(experiment.plain)} has, {with_}"
        return "ignored", f"the same answer as {text_of(experiment.plain)} has, {with_}"

    def _bound(self, experiment: Experiment, ladder: Ladder) -> Bound | None:
        """Where refusals begin on one side: first at usual places, else by halving."""
        statuses: dict[float, int] = {}

        def taken(value: float) -> bool:
            if value not in statuses:
                sent = int(value) if ladder.step == 1 or float(value).is_integer() else round(value, 6)
                tokens = ENOUGH if self.thinks and self.limit != "max_tokens" else 1
                statuses[value] = self.ask("Hi", ladder.make(sent), tokens).status
            return statuses[value] < 400

        outward = -1 if ladder.side == "below" else 1
        if taken(ladder.far):
            return Bound(ladder.side, ladder.far, None)
        good, bad = ladder.near, ladder.far
        for guess in ladder.guesses:
            if taken(guess):
                good = guess
                beyond = guess + outward * ladder.step
                if not taken(beyond):
                    return Bound(ladder.side, guess, beyond, statuses[beyond])
                good = beyond
                break
            bad = guess
        if bad == ladder.guesses[-1] if ladder.guesses else False:
            inner = bad - outward * ladder.step
            if taken(inner):
                return Bound(ladder.side, inner, bad, statuses[bad])
            bad = inner
        if not taken(good):
            return None
        while abs(bad - good) > ladder.step * 1.5:
            middle = (good + bad) / 2
            middle = round(middle) if ladder.step == 1 else round(middle, 3)
            if middle in (good, bad):
                break
            good, bad = (middle, bad) if taken(middle) else (good, middle)
        return Bound(ladder.side, good, bad, statuses.get(bad))


def _judge(experiment: Experiment, plain: list[Heard], tried: list[Heard], *, last: bool) -> tuple[Verdict | None, str]:
    """What two arms of answers show; None where more of them may tell."""
    if experiment.test == "sure":
        ours, theirs = ([experiment.sign(heard) for heard in arm] for arm in (tried, plain))
        differs = all(one != other for one in ours for other in theirs)
        if differs:
            return "honoured", f"seen: {ours[0]!r} in place of {theirs[0]!r}"
        usual = max(ours, key=ours.count)
        if ours.count(usual) > theirs.count(usual):  # without it the same may come about by itself, at times
            p = p_value([float(one == usual) for one in ours], [float(one == usual) for one in theirs], mean)
            if p < SURE:
                return "honoured", f"seen: {usual!r} more often than without it (p = {p:.3f})"
            if not last:
                return None, ""
        return "ignored", f"{theirs[0]!r} with and without it"
    if experiment.test == "alike":
        a, b = [heard.said for heard in tried], [heard.said for heard in plain]
        p = p_value(a, b, same_pairs)
        told = f"alike with it {same_pairs(a):.0%} of the pairs, without {same_pairs(b):.0%} (p = {p:.3f})"
        if p >= SURE and same_pairs(a) > 0.9 and same_pairs(b) > 0.4:  # too alike without it to tell
            return ("unclear" if last else None), told
    else:
        x, y = [experiment.sign(heard) for heard in tried], [experiment.sign(heard) for heard in plain]
        p = p_value(x, y, mean, sides=2)
        told = f"repeats {mean(x):.0%} against {mean(y):.0%} (p = {p:.3f})"
    if p < SURE:
        return "honoured", told
    if p > UNSURE or (last and p > 0.02):
        return "ignored", told
    return ("unclear" if last else None), told


def _wait_s(response: httpx.Response, turn: int) -> float:
    """What `retry-after` says, else ever longer; at most a minute at a time."""
    try:
        return min(60.0, max(0.1, float(response.headers.get("retry-after", ""))))
    except ValueError:
        return float(min(60, 2**turn * 5))
