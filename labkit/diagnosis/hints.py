"""What can be added to a cause from this exchange and the facts: the nearest names, the arithmetic, the time to wait.

Each returns sentences, '' when it has nothing to say. What is said comes from the exchange or from dated facts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from labkit.diagnosis.answer_signs import count_of
from labkit.diagnosis.reading import Reading
from labkit.diagnosis.request_signs import facts_of
from labkit.errors import did_you_mean
from labkit.wire.waits import wait_asked_s

if TYPE_CHECKING:
    from labkit.facts import Facts

_NUMBER = r"([\d][\d,. ]*)"
_WIDE = ("model", "messages", "stream")


def models(reading: Reading, facts: Facts | None) -> str:
    """The nearest model that lives, and the successor or the date of a retired one."""
    asked = str(reading.asked.get("model") or "")
    provider = facts_of(reading, facts)
    if provider is None or facts is None or not asked:
        return ""
    from labkit.facts import in_force

    alive = [m.id for m in provider.models.values() if in_force(m.born, m.retired, facts.moment) and m.listed]
    near = did_you_mean(asked, alive) or did_you_mean(asked.split("/")[-1], alive)
    known = provider.models.get(asked)
    when = f"{asked} was retired on {known.retired}. " if known and known.retired and asked not in alive else ""
    return f"{when}{near} {provider.label} has: {', '.join(alive[:6])}{', …' if len(alive) > 6 else ''}.".strip()


def addresses(reading: Reading, facts: Facts | None) -> str:
    """The base URL that the facts have for this host or the nearest one."""
    provider = facts_of(reading, facts)
    if facts is None or not (reading.host or provider):
        return ""
    local = reading.exchange is not None and reading.exchange.place == "local"
    if provider is not None:
        tail = re.sub(r"^https?://[^/]+", "", provider.address.base_url)
        whole = f"the base URL's path is {tail or 'empty'}, and the path of a chat {provider.address.paths['chat']}"
        return (
            f"At {provider.label} {whole}." if local else f"{provider.label}'s base URL is {provider.address.base_url}."
        )
    hosts = {re.sub(r"^https?://", "", p.address.base_url).split("/")[0]: p for p in facts.values() if p.id != "lab"}
    near = did_you_mean(reading.host, hosts)
    host = near.split("'")[1] if near else ""
    return f"{near} {hosts[host].label}'s base URL is {hosts[host].address.base_url}." if host else ""


def key_variable(reading: Reading, facts: Facts | None) -> str:
    """The variable that this provider's key stands in, and a misspelt one in the environment."""
    provider = facts_of(reading, facts)
    if provider is None or not provider.key.variables:
        return ""
    wanted = provider.key.variables[0]
    hint = f"{provider.label}'s key stands in {' or '.join(provider.key.variables)}"
    if any(os.environ.get(name) for name in provider.key.variables):
        return f"{hint}."
    like = [name for name in os.environ if re.search("KEY|TOKEN", name) and name not in provider.key.variables]
    near = did_you_mean(wanted, like)
    return f"{hint}, which is not set here{'; ' + near.split(chr(39))[1] + ' is. A misspelling?' if near else '.'}"


def parameter(reading: Reading, facts: Facts | None) -> str:
    """The parameter, what the facts say of it, and the line for LibreChat."""
    name = named_parameter(reading)
    if not name:
        provider = facts_of(reading, facts)
        strange = [n for n in reading.asked if provider and n not in provider.parameters and n not in _WIDE]
        return f"Not known to {provider.label}'s facts: {', '.join(strange)}." if provider and strange else ""
    root = re.split(r"[.\[]", name)[0]
    said = [f"The field is {name}."]
    if root in reading.asked and not isinstance(reading.asked[root], (list, dict)):
        said.append(f"It was sent as {str(reading.asked[root])[:60]!r}.")
    provider = facts_of(reading, facts)
    if provider is not None:
        known = provider.parameters.get(root)
        if known is not None and (known.minimum is not None or known.maximum is not None):
            said.append(f"{provider.label} takes {known.minimum} to {known.maximum}.")
        elif known is None and root not in _WIDE:
            said.append(did_you_mean(root, provider.parameters))
    offered = re.search(r"did you mean ['\"`]?(\w+)|use ['\"`](\w+)['\"`] instead", reading.says, re.IGNORECASE)
    if offered:
        said.append(f"The provider offers '{offered.group(1) or offered.group(2)}'.")
    if root not in _WIDE:
        said.append(f"In LibreChat: dropParams: ['{root}'].")
    return " ".join(filter(None, said))


def named_parameter(reading: Reading) -> str:
    """The field that an error names, by its `param`, its `loc` or its words; '' when none."""
    if reading.param:
        return reading.param
    for pattern in (
        r"(?:parameters?|argument|property|field|name|value|supplied)s?(?: supplied)?:? ['\"`]{1,2}([\w.\[\]]+)['\"`]",
        r"not support(?:ed on this model)?(?: parameter)?:? ['\"`]?(\w+)",
        r"(?:parameter|argument):? (\w+)",
        r"^['\"`]?([a-z]+(?:_[a-z]+)*)['\"`]? ?: ",
        r"\(([a-z_.0-9]+)\)$",
        r"['\"`](\w+)['\"`]",
    ):
        for line in reading.says.splitlines():
            found = re.search(pattern, line, re.IGNORECASE)
            if found and (not reading.asked or re.split(r"[.\[]", found[1])[0] in reading.asked):
                return found[1]
    return ""


def context(reading: Reading, _: Facts | None) -> str:
    """The arithmetic: what was sent, what was asked for, what there is."""
    said = reading.says
    limit = _amount(
        said,
        rf"(?:maximum|max|limit|available)[a-z_' ]{{0,50}}(?:is|of|:|\(|<=) ?{_NUMBER}",
        rf"> {_NUMBER} ?maximum",
        rf"large for model with {_NUMBER}",
        rf"context size \({_NUMBER}",
        rf"allowed \({_NUMBER}",
        rf"n_ctx: {_NUMBER}",
    )
    prompt = _amount(
        said,
        rf"\({_NUMBER} ?(?:in the messages|of text input|tokens\))",
        rf"resulted in {_NUMBER}",
        rf"(?:too long|contains|request \(|count \(|count of|given:):? ?\(?{_NUMBER}",
    )
    answer = _amount(
        said, rf"{_NUMBER} (?:in the (?:completion|output)|draft tokens)", rf"and {_NUMBER} .?max_new_tokens"
    )
    if limit is None:
        return ""
    if prompt is None:
        return f"The window is {limit:,} tokens."
    total = prompt + (answer or 0)
    parts = f"{prompt:,} tokens of prompt" + (f" + {answer:,} for the answer = {total:,}" if answer else "")
    over = f", {total - limit:,} too many" if total > limit else ""
    return f"{parts}; the window is {limit:,}{over}."


def minute(reading: Reading, _: Facts | None) -> str:
    """Limit and what was asked for, of a request above the minute's tokens."""
    limit, asked = (_amount(reading.says, rf"{word}:? {_NUMBER}") for word in ("limit", "requested"))
    if limit is None or asked is None:
        return ""
    return f"Requested {asked:,}, the minute has {limit:,}: {asked - limit:,} too many."


def wait(reading: Reading, _: Facts | None) -> str:
    """How long the answer says to wait."""
    if reading.exchange is None or reading.exchange.response is None:
        return ""
    asked = wait_asked_s(reading.headers, reading.body_text)
    said = f"The answer says to wait {asked:g} s." if asked is not None else ""
    day = re.search(r"per.?day|\b[TR]PD\b|daily", f"{reading.says} {' '.join(reading.codes)}", re.IGNORECASE)
    return f"{said} It is the limit of a day: it frees itself with the hours, not in a minute.".strip() if day else said


def location(reading: Reading, _: Facts | None) -> str:
    """Where a redirect leads."""
    to = reading.headers.get("location")
    return f"It leads to {to}." if to else ""


def timeout(reading: Reading, _: Facts | None) -> str:
    """How long was waited, where recorded."""
    total_s = reading.exchange.timings.total_s if reading.exchange else None
    return f"The client gave up after {total_s:.1f} s." if total_s else ""


def finish(reading: Reading, _: Facts | None) -> str:
    """Tokens used beside tokens allowed."""
    used = reading.exchange.tokens[1] if reading.exchange else None
    limit = next((reading.asked[n] for n in ("max_completion_tokens", "max_tokens") if n in reading.asked), None)
    thought = count_of(reading, "reasoning_tokens")
    said = f"{used} tokens came" + (f", {thought} of them reasoning" if thought else "") if used is not None else ""
    allowed = (
        f"max_tokens was {limit}" if limit is not None else "max_tokens was not sent: the provider's own limit held"
    )
    return f"{said}; {allowed}." if said else f"{allowed[0].upper()}{allowed[1:]}."


def _amount(text: str, *patterns: str) -> int | None:
    for pattern in patterns:
        found = re.search(pattern, text, re.IGNORECASE)
        digits = re.sub(r"\D", "", found[1]) if found else ""
        if digits:
            return int(digits)
    return None


Hint = Callable[[Reading, "Facts | None"], str]
HINTS: dict[str, Hint] = {
    hint.__name__: hint
    for hint in (models, addresses, key_variable, parameter, context, minute, wait, location, timeout, finish)
}
"""Every hint by its name."""
