"""What a widget of the lab is made of: labelled controls over one picture, and the same picture without widgets.

Core ipywidgets 8 only. The picture is an HTML widget written from `observe`, never an Output: nothing is printed, so a
notebook's checks see the same cell outputs with and without a browser. While one move is being drawn the browser keeps
the next ones back and then sends the newest (ipywidgets' throttle), so a fast drag does not queue.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, Protocol

import ipywidgets

from labkit.errors import ParameterError
from labkit.view.html import TONES

# Seen when nobody answers any more, by style alone: ipywidgets marks what has lost its kernel (ended, started anew, or
# a saved notebook opened without one); of a kernel that was shut down or lost only the notebook's toolbar tells.
GONE = (
    "The kernel behind this widget has ended: its controls do nothing any more. "
    "Run the notebook again from the top (Run, Run All Cells)."
)
LOST = (
    "The connection to Jupyter is lost, and nobody answers this widget. "
    "See whether lab.py still runs in its terminal; else start it and open the notebook again."
)


def _toolbar(*states: str) -> str:
    """What is below a notebook's toolbar that shows one of these states of the kernel, as a selector.

    Asked of the toolbar, not of the panel around it: with each message of the kernel the state changes, and the browser
    looks again through all that is in the element of which `:has` is asked.
    """
    signs = ", ".join(f".jp-Notebook-ExecutionIndicator[data-status='{state}']" for state in states)
    return f".jp-NotebookPanel-toolbar:has({signs}) ~ *"


_ARROW = (
    "url(\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 18 18'%3E"
    "%3Cpath fill='%238c8c8c' d='M5.2 5.9 9 9.7l3.8-3.8 1.2 1.2-4.9 5-4.9-5z'/%3E%3C/svg%3E\")"
)
"""The arrow of a choice, grey: Jupyter's own is black in the dark theme too."""
# Pictures are drawn anew thirty times a second: what is in one moves nothing outside it. noUiSlider gives each slider
# two layers of its own, which together cost every frame more than they save the one slider that moves.
_STYLE = f"""<style>
.lab-gone, .lab-lost {{ display: none; border-left: 4px solid {TONES["bad"]}; padding: 1px 0 1px 10px; margin: 4px 0;
  font-size: 13px; line-height: 1.4; overflow-wrap: break-word; white-space: normal; }}
.jupyter-widgets-disconnected .lab-gone,
{_toolbar("unknown", "dead", "terminating", "autorestarting")} .lab-gone,
{_toolbar("connecting", "disconnected")} .lab-lost {{ display: block; }}
{_toolbar("connecting", "disconnected")} .lab-gone {{ display: none; }}
.lab-live.jupyter-widgets-disconnected::before, .lab-live .jupyter-widgets-disconnected::before {{ content: none; }}
.lab-live .widget-html-content {{ contain: content; padding: 2px 4px; }}
.lab-live select {{ --jp-widgets-dropdown-arrow: {_ARROW}; }}
.lab-live .noUi-origin, .lab-live .noUi-connect {{ will-change: auto; }}
</style>"""


def gone(style: str = "") -> ipywidgets.HTML:
    """A sentence that shows once nobody answers the widget any more. style: what else goes into the page with it.

    The widget around it has the class lab-live.
    """
    told = f"<div class='lab-gone' role='status'>{GONE}</div><div class='lab-lost' role='status'>{LOST}</div>"
    return ipywidgets.HTML(f"{_STYLE}{style}{told}")


class Picture(Protocol):
    """What a plain function returns and a panel shows."""

    def __str__(self) -> str: ...

    def _repr_html_(self) -> str: ...


class NumberControl:
    """A slider and, beside it, a field that takes the same number typed; both labelled, both by keyboard.

    label: what the number is called.  minimum, maximum: the range.  step: every number is taken to the nearest step;
    ipywidgets' slider would do so in the browser, and a value must not depend on whether one is watching.
    """

    def __init__(self, label: str, value: float, *, minimum: float, maximum: float, step: float) -> None:
        self.label, self.minimum, self.maximum, self.step = label, minimum, maximum, step
        ends = {"value": self.checked(value), "min": minimum, "max": maximum, "step": step}
        whole = {"description_width": "initial"}  # else ipywidgets cuts a description off after 80 pixels
        self.slider = ipywidgets.FloatSlider(
            **ends,
            description=label,
            readout=False,
            style=whole,
            layout=ipywidgets.Layout(width="380px", max_width="100%"),
            tooltip=f"{label}, {minimum:g} to {maximum:g}: drag it, or use the arrow, page, home and end keys",
        )
        self.field = ipywidgets.BoundedFloatText(
            **ends,
            description="or type it",
            style=whole,
            layout=ipywidgets.Layout(width="150px", margin="2px 2px 2px 14px"),
            tooltip=f"{label}, a number from {minimum:g} to {maximum:g}",
        )
        self.slider.observe(self._follow, "value")
        self.field.observe(self._follow, "value")
        self.box = ipywidgets.HBox([self.slider, self.field], layout=ipywidgets.Layout(flex_flow="row wrap"))

    @property
    def value(self) -> float:
        return self._stepped(self.slider.value)

    def set(self, value: float) -> None:
        """Move both. Raises ParameterError for a number outside the range, where a drag would stop at its end."""
        self.slider.value = self.checked(value)

    def on_move(self, action: Callable[[Any], None]) -> None:
        """Call `action` when the number changes, before the other control follows.

        Each change is a message of its own to the browser, and what the move draws should be the first of them.
        """
        self.slider.unobserve(self._follow, "value")
        self.slider.observe(action, "value")
        self.slider.observe(self._follow, "value")

    def _follow(self, change: Any) -> None:
        value = self._stepped(change["new"])
        if self.value != value:  # the browser's own 0.35000000000000003 stays as it is, or the two would never agree
            self.slider.value = value
        self.field.value = value

    def _stepped(self, value: float) -> float:
        return round(round(value / self.step) * self.step, 9)

    def checked(self, value: float) -> float:
        """`value` at the nearest step, if it is a number in the range; else ParameterError."""
        right = f"Give a number from {self.minimum:g} to {self.maximum:g}"
        number: Any = value  # from a notebook: anything can come
        if isinstance(number, bool) or not isinstance(number, Real):
            raise ParameterError(f"{value!r} is no number", where=self.label, right=right)
        if not self.minimum <= float(value) <= self.maximum:
            raise ParameterError(f"{value!r} is outside the slider's range", where=self.label, right=right)
        return self._stepped(float(value))


class Panel(ABC):
    """Controls above a picture; drawn anew when a control moves. A subclass says what the picture is.

    Shown by Jupyter as the widget where one can live, else as the picture at the moment of showing (text and HTML): a
    reader on GitHub, an untrusted notebook or a terminal sees that.
    """

    def __init__(self, controls: Sequence[NumberControl]) -> None:
        self.controls = list(controls)
        self.screen = ipywidgets.HTML()
        self.box = ipywidgets.VBox([gone(), *(control.box for control in self.controls), self.screen])
        self.box.add_class("lab-live")
        for control in self.controls:
            control.on_move(self._draw)
        self._draw()

    @property
    @abstractmethod
    def view(self) -> Picture:
        """What is on the screen, from the plain function."""

    def _draw(self, change: object = None) -> None:
        self.screen.value = self.view._repr_html_()

    def __repr__(self) -> str:
        return str(self.view)

    def _repr_mimebundle_(self, **asked: Any) -> dict[str, Any]:
        view = self.view
        widget: dict[str, Any] = self.box._repr_mimebundle_(**asked) or {}
        return {**widget, "text/plain": str(view), "text/html": view._repr_html_()}
