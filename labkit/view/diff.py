"""`diff`: what differs between two calls, in what was sent, what came back, how long it took and what it cost."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from labkit.cost import shown_usd, usage_usd
from labkit.view.anatomy import View
from labkit.view.html import Html, badge, card, join, note, pre, table, visible
from labkit.wire import Exchange, Headers
from labkit.wire.log import first_token_s, seconds

if TYPE_CHECKING:
    from labkit.facts import Facts

SHOWN = 400  # characters of a value in plain text; HTML has them whole
ABSENT = "–"
# Headers that differ in every call and say nothing of it.
OWN_HEADERS = frozenset({"date", "x-request-id", "request-id", "cf-ray", "set-cookie", "content-length", "user-agent"})


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same. what: its name, 'messages[0].content'; a, b: its two values, '–' where absent."""

    part: str
    what: str
    a: str
    b: str

    @property
    def kind(self) -> str:
        """'only in a', 'only in b' or 'changed'."""
        return "only in b" if self.a == ABSENT else "only in a" if self.b == ABSENT else "changed"


class Diff(View):
    """The differences of two calls: `print` it, or let a notebook show it; `.differences` has them as values."""

    def __init__(self, differences: tuple[Difference, ...], text: str, html: str) -> None:
        super().__init__(text, html)
        self.differences = differences

    def __len__(self) -> int:
        return len(self.differences)

    def __iter__(self) -> Iterator[Difference]:
        return iter(self.differences)


def diff(a: Any, b: Any, *, facts: Facts | None = None) -> Diff:
    """What differs between two calls: address, headers, the request's JSON, status, answer, usage, bytes, times, cost.

    a, b: whatever `show` takes.  facts: for the cost, those of the lab's moment unless given. Costs are at the
    provider's price; a call that stayed on this machine was free. Raises LabError for something that holds no exchange.
    """
    one, other = Exchange.of(a), Exchange.of(b)
    found = tuple(_differences(one, other, facts))
    same = [] if found else ["Nothing that was recorded differs."]
    heads = [f"{name}: {_headline(each)}" for name, each in (("a", one), ("b", other))]
    return Diff(found, "\n".join([*map(visible, heads), "", *same, *_lines(found)]), join(_cards(heads, found)))


def _differences(one: Exchange, other: Exchange, facts: Facts | None) -> Iterator[Difference]:
    def each(part: str, left: Mapping[str, str], right: Mapping[str, str]) -> Iterator[Difference]:
        for name in dict.fromkeys([*left, *right]):
            pair = left.get(name, ABSENT), right.get(name, ABSENT)
            if pair[0] != pair[1]:
                yield Difference(part, name, *pair)

    yield from each("address", _address(one), _address(other))
    yield from each("request headers", _headers(one.request.headers), _headers(other.request.headers))
    yield from each("request", _leaves(one.request.body), _leaves(other.request.body))
    yield from each("status", _status(one), _status(other))
    answers = [each_.response for each_ in (one, other)]
    yield from each("answer headers", *(_headers(answer.headers) if answer else {} for answer in answers))
    yield from each("answer", *(_leaves(answer.body if answer else None) for answer in answers))
    yield from each("usage", _flat(one.usage, ""), _flat(other.usage, ""))
    yield from each("measures", _measures(one, facts), _measures(other, facts))


def _address(exchange: Exchange) -> dict[str, str]:
    sent = exchange.request
    return {"method": sent.method, "url": sent.url}


def _headers(headers: Headers) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        if key not in OWN_HEADERS and not key.endswith("-ms"):
            found[key] = f"{found[key]}, {value}" if key in found else value
    return found


def _status(exchange: Exchange) -> dict[str, str]:
    said = {"status": str(exchange.status) if exchange.status is not None else "no answer", "state": exchange.state}
    return {**said, **({"error": str(exchange.error)} if exchange.error else {})}


def _leaves(body: bytes | None) -> dict[str, str]:
    """A JSON body as path and value of each leaf; anything else as one text under 'body'."""
    if not body:
        return {}
    text = body.decode("utf-8", "replace")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {"body": text}
    if not isinstance(value, (dict, list)):
        return {"body": text}
    found = _flat(value, "")
    return {path: leaf for path, leaf in found.items() if not re.match(r"usage\b", path)}


def _flat(value: Any, path: str) -> dict[str, str]:
    found: dict[str, str] = {}
    waiting = [(path, value, 0)]
    while waiting:
        here, node, depth = waiting.pop()
        if isinstance(node, dict) and node and depth < 40:
            children = [(f"{here}.{_name(name)}" if here else _name(name), inner) for name, inner in node.items()]
        elif isinstance(node, list) and node and depth < 40:
            children = [(f"{here}[{number}]", inner) for number, inner in enumerate(node)]
        else:
            found[here] = json.dumps(node, ensure_ascii=False)
            continue
        waiting += [(name, inner, depth + 1) for name, inner in reversed(children)]
    return found


def _name(name: str) -> str:
    """A field's name in a path; in quotes where it would read as more than one step, or as none."""
    return name if re.fullmatch(r'[^\s.\[\]"]+', name) else json.dumps(name, ensure_ascii=False)


def _measures(exchange: Exchange, facts: Facts | None) -> dict[str, str]:
    sent, answer, times = exchange.request, exchange.response, exchange.timings
    said: dict[str, str] = {}
    for name, body in (("bytes sent", sent.body), ("bytes received", answer.body if answer else None)):
        if body is not None:
            said[name] = f"{len(body):,}"
    took = (("first byte", times.first_byte_s), ("first text", first_token_s(exchange)), ("total", times.total_s))
    said |= {name: seconds(value_s) for name, value_s in took if value_s is not None}
    cost = _cost(exchange, facts)
    return {**said, **({"cost at the provider's price": shown_usd(cost)} if cost is not None else {})}


def _cost(exchange: Exchange, facts: Facts | None) -> Decimal | None:
    usage = exchange.usage
    if not usage.keys() & {"prompt_tokens", "input_tokens"}:
        return None
    from labkit import facts as facts_module
    from labkit.clock import Clock

    known = facts if facts is not None else facts_module.load()
    model = known[exchange.provider].models.get(exchange.model) if exchange.provider in known else None
    return usage_usd(model, usage, Clock(known.moment)) if model is not None else None


def _headline(exchange: Exchange) -> str:
    came = exchange.status if exchange.status is not None else "no answer"
    who = f" ({exchange.model})" if exchange.model else ""
    return f"{exchange.request.method} {exchange.request.url}{who} → {came}".strip()


def _lines(found: tuple[Difference, ...]) -> Iterator[str]:
    part = ""
    for each in found:
        if each.part != part:
            yield from (("",) if part else ())
            part = each.part
            yield part
        yield f"  {visible(each.what)} ({each.kind})"
        for mark, value in (("a", each.a), ("b", each.b)):
            if value != ABSENT:
                yield f"    {mark}: {visible(_cut(value))}"


def _cut(text: str) -> str:
    text = text.replace("\n", " ")
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text):,} characters)"


def _cards(heads: list[str], found: tuple[Difference, ...]) -> Iterator[Html]:
    yield from map(note, heads)
    if not found:
        yield card("Nothing that was recorded differs", "", "good")
    tones = {"changed": "warn", "only in a": "bad", "only in b": "good"}
    for part in dict.fromkeys(each.part for each in found):
        rows = [
            [each.what, badge(each.kind, tones[each.kind]), pre(each.a), pre(each.b)]
            for each in found
            if each.part == part
        ]
        yield card(part, table(rows, ["", "", "a", "b"]), "plain")
