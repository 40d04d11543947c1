"""A stream on a timeline: each event with its time, its bytes, what it says and of what kind it is.

It reads the parts of an exchange as they arrived; it sends nothing. No ipywidgets: the stream scope is a shell over it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import httpx

from labkit.probe.voices import voice_of
from labkit.view.bars import bars_html
from labkit.view.html import MONO, TONES, WRAP, Html, badge, card, escape, join, note, pre, visible
from labkit.wire.log import seconds
from labkit.wire.sse import Event, timed_events

if TYPE_CHECKING:
    from labkit.facts import Provider

# kind: (tone, what it is). A kind always comes with its word; the colour only helps.
KINDS = {
    "text": ("info", "a piece of the answer"),
    "working": ("plain", "a piece of what the model works out first"),
    "usage": ("good", "the count of tokens"),
    "keep-alive": ("warn", "a comment that only keeps the connection open"),
    "frame": ("plain", "begins or ends something, without text"),
    "end": ("good", "[DONE] or its like"),
    "error": ("bad", "an error in the middle of the stream"),
    "broken": ("bad", "its data is no JSON: a client fails here, or drops it"),
    "unfinished": ("bad", "what was left when the stream broke off: a client drops it"),
}


@dataclass(frozen=True)
class Beat:
    """One event. t_s: seconds since the call began.  says: the text that it adds, '' for none."""

    t_s: float
    kind: str
    raw: bytes
    says: str

    @property
    def shown(self) -> str:
        """The raw bytes as text, line ends visible."""
        return visible(self.raw.decode("utf-8", "backslashreplace").replace("\r", "␍").replace("\n", "⏎\n")).rstrip(
            "\n"
        )


@dataclass(frozen=True, repr=False)
class Timeline:
    """The events of one stream. state: as `Call.state`.  end_s: when the last byte came."""

    beats: tuple[Beat, ...]
    state: str
    end_s: float

    @property
    def text(self) -> str:
        """The answer as far as it came."""
        return "".join(beat.says for beat in self.beats if beat.kind == "text")

    @property
    def cut(self) -> bool:
        """Whether the stream broke off: an unfinished event, or no sign of its end."""
        ends = any(beat.kind in ("end", "error") for beat in self.beats)
        return any(beat.kind == "unfinished" for beat in self.beats) or (self.state == "failed" and not ends)

    def numbers(self) -> dict[str, int]:
        """Events of each kind, all events, bytes: what does not depend on the machine's speed."""
        counted = Counter(beat.kind for beat in self.beats)
        return {
            "events": len(self.beats),
            **{kind.replace("-", "_"): counted[kind] for kind in KINDS if counted[kind]},
            "bytes": sum(len(beat.raw) for beat in self.beats),
        }

    def figures(self) -> list[tuple[str, str]]:
        """(name, value): the times, the rate, the longest silence."""
        texts = [beat.t_s for beat in self.beats if beat.kind in ("text", "working")]
        spread = texts[-1] - texts[0] if len(texts) > 1 else 0.0
        times = [0.0, *(beat.t_s for beat in self.beats)]
        gap = max((b - a for a, b in pairwise(times)), default=0.0)
        return [
            ("events", f"{len(self.beats):,}"),
            ("first text", seconds(texts[0]) if texts else "none"),
            ("last byte", seconds(self.end_s)),
            ("pieces a second", f"{(len(texts) - 1) / spread:,.0f}" if spread > 0 else "–"),
            ("longest silence", seconds(gap)),
        ]

    def __str__(self) -> str:
        said = ", ".join(f"{name} {value:,}" for name, value in self.numbers().items())
        end = "It broke off before its end." if self.cut else ""
        return "\n".join(part for part in (f"{self.state}: {said}", end, visible(self.text)) if part)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return join([self.strip(), self.event(0)]) if self.beats else note("No event has come yet.")

    def strip(self, chosen: int | None = None) -> Html:
        """The timeline: a mark for each event, and what the marks mean. chosen: an event's number, marked."""
        if not self.beats:
            return note("No event has come yet.")
        whole = max(self.end_s, self.beats[-1].t_s, 1e-9)
        marks = "".join(
            f'<div title="{escape(f"{n}: {beat.kind}, {seconds(beat.t_s)}")}" style="position: absolute; '
            f"top: {0 if n == chosen else 8}px; height: {38 if n == chosen else 22}px; "
            f"left: {99.4 * beat.t_s / whole:.2f}%; width: {4 if n == chosen else 2}px; "
            f'background-color: {TONES[KINDS[beat.kind][0]]}"></div>'
            for n, beat in enumerate(self.beats)
        )
        counted = Counter(beat.kind for beat in self.beats)
        legend = join(
            [join([badge(f"{counted[kind]}× {kind}", tone), " "]) for kind, (tone, _) in KINDS.items() if counted[kind]]
        )
        line = f"border-bottom: 1px solid {TONES['plain']}"
        broke = card("The stream broke off here: no sign of its end came.", "", "bad") if self.cut else Html()
        figures = bars_html(self.figures(), [], note=None)
        return Html(
            f'{figures}<div style="position: relative; height: 38px; {line}">{marks}</div>'
            f'<div style="font-size: 12px">0 s<span style="float: right">{escape(seconds(whole))}</span></div>'
            f'<div style="margin: 6px 0; line-height: 1.9">{legend}</div>{broke}'
        )

    def event(self, number: int) -> Html:
        """One event: its bytes as they came, beside the text so far with what this one adds."""
        if not self.beats:
            return Html()
        number = max(0, min(number, len(self.beats) - 1))
        beat = self.beats[number]
        before = "".join(each.says for each in self.beats[:number] if each.kind == "text")
        added = beat.says if beat.kind == "text" else ""
        tone, what = KINDS[beat.kind]
        place = f"event {number} of {len(self.beats) - 1} · {seconds(beat.t_s)} · {len(beat.raw):,} bytes "
        title = join([place, badge(beat.kind, tone), f" {what}"])
        mark = f"border-bottom: 3px solid {TONES['info']}"
        text = Html(
            f'<pre style="margin: 0; padding: 0; {MONO}; {WRAP}">{escape(before)}'
            f'<span style="{mark}">{escape(added)}</span></pre>'
        )
        if beat.kind == "working":
            text = join([text, note(f"works: {beat.says}")])
        side = "display: inline-block; vertical-align: top; width: 47%; min-width: 220px; margin-right: 2%"
        columns = Html(
            f'<div><div style="{side}">{note("raw bytes")}{pre(beat.shown)}</div>'
            f'<div style="{side}">{note("text so far")}{text}</div></div>'
        )
        return card(title, columns, tone)


def timeline(provider: Provider, parts: Iterable[tuple[float, bytes]], state: str = "complete") -> Timeline:
    """The events in `Exchange.chunks` of a provider's stream, each read by itself.

    parts: (t_s, bytes) as they arrived.  state: how the call stands ('complete', 'failed', …).

    >>> from labkit import facts
    >>> hi = b'data: {"choices": [{"delta": {"content": "Hi"}}]}\\n\\ndata: [DO'
    >>> parts = [(0.1, b': ping\\n\\n'), (0.2, hi), (0.3, b'NE]\\n\\n')]
    >>> [(b.t_s, b.kind, b.says) for b in timeline(facts.load()["openai"], parts).beats]
    [(0.1, 'keep-alive', ''), (0.2, 'text', 'Hi'), (0.3, 'end', '')]
    """
    kept = list(parts)
    beats = [_beat(provider, t_s, event) for t_s, event in timed_events(kept) if event.kind != "blank"]
    return Timeline(tuple(beats), state, kept[-1][0] if kept else 0.0)


def _beat(provider: Provider, t_s: float, event: Event) -> Beat:
    if event.kind in ("comment", "unfinished"):
        return Beat(t_s, "keep-alive" if event.kind == "comment" else "unfinished", event.raw, "")
    data = _json(event.data)
    if not data and event.kind == "data" and event.data.strip() != "[DONE]":
        return Beat(t_s, "broken", event.raw, "")
    if event.data.strip() == "[DONE]" or event.event == "message_stop":
        return Beat(t_s, "end", event.raw, "")
    if event.event == "ping" or data.get("type") == "ping":
        return Beat(t_s, "keep-alive", event.raw, "")
    if event.event == "error" or data.get("error") or data.get("type") == "error":
        return Beat(t_s, "error", event.raw, "")
    heard = voice_of(provider).hear(
        httpx.Response(200, headers={"content-type": "text/event-stream"}, content=event.raw)
    )
    choice = heard.choices[0] if heard.choices else None
    if choice is not None and choice.text:
        return Beat(t_s, "text", event.raw, choice.text)
    if choice is not None and choice.working:
        return Beat(t_s, "working", event.raw, choice.working)
    inner = data.get("message") if isinstance(data.get("message"), dict) else {}
    if data.get("usage") or (isinstance(inner, dict) and inner.get("usage")):
        return Beat(t_s, "usage", event.raw, "")
    return Beat(t_s, "frame", event.raw, "")


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
