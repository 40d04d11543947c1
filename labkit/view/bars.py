"""Bars with figures above them, as HTML and as text; plain strings, since a slider draws them thirty times a second."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from labkit.view.html import TONES, Html, escape

Figures = Sequence[tuple[str, str]]  # (name, value with its unit)

_LABEL = "font-family: monospace; white-space: pre; text-align: left; padding: 1px 12px 1px 0; width: 1%"
# Wide enough for every percentage, so that the bars do not shift while they are drawn anew.
_SHARE = "text-align: right; white-space: nowrap; padding: 1px 12px 1px 0; width: 1%; min-width: 60px"
_WORD = "position: absolute; top: -3px; left: 50%; font-size: 12px; opacity: 0.8; white-space: nowrap"
_MARK = "position: absolute; top: -2px; width: 0; height: 16px; border-left: 2px solid"


@dataclass(frozen=True)
class Bar:
    """share: 0 to 1, of the full width.  mark: a second share, shown as a line, or None.  rest: all that has no bar.

    word: said beside a bar of no width, such as why there is none.
    """

    label: str
    share: float
    mark: float | None = None
    rest: bool = False
    word: str = ""


def bars_html(figures: Figures, bars: Iterable[Bar], note: str | None = "") -> Html:
    """A table of label, percentage and bar; the figures above it and the note below (None: not even the usual one)."""
    spans = "".join(
        '<span style="display: inline-block; margin-right: 12px">'
        f'<span style="opacity: 0.75">{escape(name)}</span> <b>{escape(value)}</b></span>'
        for name, value in figures
    )
    below = f'<div style="opacity: 0.75; font-size: 12px; margin-top: 4px">A full bar is 100 %. {escape(note)}</div>'
    below = "" if note is None else below
    return Html(
        '<div style="line-height: 1.35; max-width: 720px">'
        f'<div style="font-size: 13px; margin: 4px 0 6px 0">{spans}</div>'
        '<table style="width: 100%; border-collapse: collapse; table-layout: auto; font-size: 13px; margin: 0"><tbody>'
        f"{''.join(map(_row, bars))}</tbody></table>"
        f"{below}</div>"
    )


def _row(bar: Bar) -> str:
    fill = f"height: 12px; border-radius: 2px; background-color: {TONES['plain' if bar.rest else 'info']}"
    mark = "" if bar.mark is None else f'<div style="{_MARK}; left: {100 * bar.mark:.2f}%"></div>'
    word = f'<div style="{_WORD}">{escape(bar.word)}</div>' if bar.word else ""
    return (
        f'<tr style="background: none"><td style="{_LABEL}">{escape(bar.label)}</td>'
        f'<td style="{_SHARE}">{percent(bar.share)}</td>'
        '<td style="padding: 1px 0"><div style="position: relative; height: 12px">'
        f'<div style="{fill}; width: {100 * bar.share:.2f}%"></div>{mark}{word}</div></td></tr>'
    )


def bars_text(figures: Figures, bars: Sequence[Bar]) -> str:
    """The same for a terminal: the figures, two a line, then a line for each bar; 20 signs are 100 %."""
    told = [f"{name} {value}" for name, value in figures]
    width = max((len(bar.label) for bar in bars), default=0)
    lines = [f"{bar.label:<{width}} {percent(bar.share):>8}  {_blocks(bar.share)}{bar.word}".rstrip() for bar in bars]
    return "\n".join([*(" · ".join(told[i : i + 2]) for i in range(0, len(told), 2)), "", *lines])


def percent(share: float) -> str:
    """A share for a reader: one decimal, two below 1 %.

    >>> percent(1.0), percent(0.314159), percent(0.00314), percent(0.00002), percent(0.0)
    ('100.0 %', '31.4 %', '0.31 %', '< 0.01 %', '0 %')
    """
    if share == 0:
        return "0 %"
    if share < 0.0001:
        return "< 0.01 %"
    return f"{100 * share:.2f} %" if share < 0.00995 else f"{100 * share:.1f} %"


def _blocks(share: float, width: int = 20) -> str:
    eighths = round(share * width * 8)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()
