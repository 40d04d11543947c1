"""The one place that escapes and styles HTML.

Everything is built to survive an untrusted notebook, where JupyterLab keeps inline styles but drops <style>, <svg>,
scripts and ids, and to read well on light and dark: text takes the page's own colour, tones are only borders and
always come with a word, and long lines wrap. Output depends on its arguments alone.

Headings, cells, words and remarks are text and escaped here; `Html`, which these functions return, passes as it is.
What a `body` parameter takes is markup, made by these functions: text goes there through `escape` or `pre`. `marked` is
for the lab's own sentences, which have code and links in them; a model's or a server's text never goes through it. Bars
are in `view.bars`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

# Mid-tones that stand out on white and on dark alike.
TONES = {"good": "#2f9e5f", "warn": "#c77d0a", "bad": "#d9493f", "info": "#3f86cc", "plain": "#8c8c8c"}

MONO = "font-family: monospace; font-size: 12px; line-height: 1.45"
WRAP = "white-space: pre-wrap; overflow-wrap: break-word; word-break: normal"  # 'anywhere' would be taken away

# Controls but tab and line feed; bidirectional overrides, isolates and marks; zero-width signs but the joiners that
# emoji and Persian need; line separators; tag characters; lone surrogates.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f\ud800-\udfff]"
)


# In escaped text: code between backticks, or a link whose words may have code in them. Of addresses, https or relative
# ones: without a scheme, a host or a root.
_CODE = r"`(?P<code>[^`\n]+)`"
_ADDRESS = r"https://[\w.~/?#@!$&;=+,:%-]+|(?!/)(?=[^)]*[.#])[\w.~/?#@!$&;=+,%-]+"
_SLANTED = r"(?<![\w*])\*(?P<slanted>[a-z]+(?: [a-z]+){0,3})\*(?![\w*])"
_MARKS = re.compile(rf"{_CODE}|{_SLANTED}|(?<!\w)\[(?P<words>[^\[\]\n]+)\]\((?P<address>{_ADDRESS})\)", re.ASCII)


class Html(str):
    """Markup that is safe to show: made by this module, or vouched for by whoever wrote it out."""

    __slots__ = ()


def visible(text: str) -> str:
    """`text` with every sign that acts without being seen shown instead: ANSI escapes, bidi overrides, zero widths.

    Controls become their pictures (␛), others their code (‹U+202E›). Tab and line feed stay; CR before LF goes.

    >>> visible("\\x1b[31mred\\u202e")
    '␛[31mred‹U+202E›'
    """
    return _UNSEEN.sub(_picture, text.replace("\r\n", "\n"))


def escape(text: object) -> Html:
    """Text as inert HTML; `Html` passes as it is."""
    return text if isinstance(text, Html) else Html(html.escape(visible(str(text))))


def join(parts: Iterable[object], between: str = "") -> Html:
    """Parts one after the other, each escaped unless it is `Html`."""
    return Html(escape(between).join(escape(part) for part in parts))


def marked(text: object) -> Html:
    """A sentence of the lab's own, its `code`, its *slanted words* and its [links](04-sampling.ipynb) shown as such.

    Everything is escaped first. Nothing else of Markdown is read: what is not whole stays as it is written, and so
    does a link to anywhere but an https or a relative address.

    >>> marked("`n` < 2")
    '<code>n</code> &lt; 2'
    """
    return text if isinstance(text, Html) else Html(_MARKS.sub(_mark, escape(text)))


def card(title: object, body: str, tone: str = "plain") -> Html:
    """A block with a heading and a border on its left in the colour of `tone`: good, warn, bad, info or plain.

    body: markup.
    """
    return Html(
        f'<div style="border-left: 4px solid {TONES[tone]}; padding: 2px 0 4px 12px; margin: 8px 0">'
        f'<div style="font-weight: bold; margin-bottom: 4px; overflow-wrap: break-word">{escape(title)}</div>'
        f"{body}</div>"
    )


def badge(word: object, tone: str = "plain") -> Html:
    """A word in a frame of its tone's colour: the word says it, the colour only helps."""
    return Html(
        f'<span style="border: 1px solid {TONES[tone]}; border-radius: 8px; padding: 0 8px; '
        f'font-weight: normal; white-space: nowrap">{escape(word)}</span>'
    )


def pre(text: object) -> Html:
    """Text as it is, in fixed width; long lines wrap."""
    return Html(f'<pre style="margin: 0; padding: 0; {MONO}; {WRAP}">{escape(text)}</pre>')


def note(text: object) -> Html:
    """A remark in smaller type."""
    return Html(f'<div style="font-size: 12px; margin: 4px 0; overflow-wrap: break-word">{escape(text)}</div>')


def details(summary: object, body: str) -> Html:
    """A block that is closed until it is clicked. body: markup."""
    return Html(
        f'<details style="margin: 4px 0"><summary style="cursor: pointer; font-size: 12px">{escape(summary)}</summary>'
        f"{body}</details>"
    )


def beside(blocks: Iterable[str], least_px: int = 380) -> Html:
    """Blocks side by side where there is room for each to be `least_px` wide, else one below the other."""
    cells = "".join(
        f'<div style="flex-grow: 1; flex-shrink: 1; flex-basis: {least_px}px; min-width: 0; margin-right: 16px">'
        f"{block}</div>"
        for block in blocks
    )
    return Html(f'<div style="display: flex; flex-wrap: wrap; width: 100%">{cells}</div>')


def opening(rows: Iterable[tuple[Sequence[object], str]], head: Sequence[object], widths: Sequence[int]) -> Html:
    """A table of rows that open when clicked: (cells, the markup beneath them). widths: of the columns, in px.

    Works without a script: each row is a block that is closed at first.
    """
    across = "display: flex; align-items: baseline; font-size: 12px; padding: 2px 0"

    def line(cells: Sequence[object], weight: str) -> str:
        return "".join(
            f'<span style="flex-grow: 0; flex-shrink: 0; flex-basis: {width}px; font-weight: {weight}; '
            f'padding: 0 8px 0 0; overflow-wrap: break-word; min-width: 0">{escape(cell)}</span>'
            for cell, width in zip(cells, widths, strict=True)
        )

    top = f'<div style="{across}; margin-left: 16px">{line(head, "bold")}</div>'
    body = "".join(
        f'<details style="border-top: 1px solid #8c8c8c55"><summary style="cursor: pointer">'
        f'<span style="{across}; display: inline-flex">{line(cells, "normal")}</span></summary>'
        f'<div style="padding: 4px 0 8px 16px">{inner}</div></details>'
        for cells, inner in rows
    )
    return Html(f'<div style="overflow-x: auto"><div style="min-width: {sum(widths) + 16}px">{top}{body}</div></div>')


def indented(body: str) -> Html:
    """Markup moved to the right, as what belongs to the line above it."""
    return Html(f'<div style="padding-left: 12px">{body}</div>')


def folded(text: str, at: int = 4000) -> Html:
    """`pre`, of which what goes beyond `at` characters is closed until clicked. Nothing is left out."""
    if len(text) <= at:
        return pre(text)
    end = text.rfind("\n", at // 2, at) + 1 or text.rfind(" ", at // 2, at) + 1 or at
    return join([pre(text[:end]), details(f"{len(text) - end:,} more characters", pre(text[end:]))])


def table(
    rows: Iterable[Sequence[object]],
    head: Sequence[object] = (),
    numbers: Iterable[int] = (),
    *,
    tight: bool = False,
    held: bool = False,
) -> Html:
    """A table, left aligned but for the columns counted in `numbers` (from 0). Cells are text or `Html`.

    tight: for many columns, which stand closer and in smaller type.  held: the first column stays where it is when a
    table that is too wide is moved sideways.
    """
    right = frozenset(numbers)
    cell = f"padding: 2px {3 if tight else 8}px; vertical-align: top; overflow-wrap: break-word; max-width: 480px; "
    stays = "; position: sticky; left: 0; background: inherit"  # a row has the page's colour, and its cells none

    def style(tag: str, place: int) -> str:
        figure = "right; white-space: nowrap" if tag == "td" else "right"  # the words above a figure may break
        first = stays if held and tag == "td" and place == 0 else ""
        return f"{cell}text-align: {figure if place in right else 'left'}{first}"

    def line(tag: str, cells: Sequence[object]) -> str:
        return "".join(f'<{tag} style="{style(tag, i)}">{escape(c)}</{tag}>' for i, c in enumerate(cells))

    top = f"<thead><tr>{line('th', head)}</tr></thead>" if head else ""
    body = "".join(f"<tr>{line('td', row)}</tr>" for row in rows)
    return Html(
        '<table style="border-collapse: collapse; margin: 4px 0; table-layout: auto; '
        f'font-size: {11 if tight else 12}px">{top}<tbody>{body}</tbody></table>'
    )


def breaking(name: str) -> Html:
    """A name that may break after its underscores, points and strokes, for a narrow column.

    >>> breaking("max_tokens")
    'max_<wbr>tokens'
    """
    return Html(re.sub(r"([_./])(?=.)", r"\1<wbr>", escape(name)))


def _mark(match: re.Match[str]) -> str:
    if match["code"] is not None:
        return f"<code>{match['code']}</code>"
    if match["slanted"] is not None:
        return f"<i>{match['slanted']}</i>"
    words = re.sub(_CODE, r"<code>\g<code></code>", match["words"])
    return f'<a href="{match["address"]}" target="_blank" rel="noopener">{words}</a>'


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"‹U+{code:04X}›"
