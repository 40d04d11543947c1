"""What a widget of several controls is made of: knobs, one sentence of status, pictures, work beside the main thread.

Core ipywidgets 8 only, as in `panel`. No control lets an exception out: what goes wrong is said in the status line.
A board carries its own few lines of style; its picture without widgets (`html`) has none but inline ones.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets

from labkit.errors import LabError
from labkit.keys import scrub
from labkit.view.html import TONES, Html, escape
from labkit.widgets.beside import Run
from labkit.widgets.panel import NumberControl, gone

# What JupyterLab's own variables are where there is none of them (VS Code, a page by nbconvert).
_LINE = "var(--jp-border-color2, #8c8c8c66)"
STYLE = f"""<style>
.lab-board {{ max-width: 1120px; padding: 0; container-type: inline-size; overflow: visible; }}
.lab-board .lab-row {{ flex-flow: row wrap; align-items: center; gap: 4px 10px; overflow: visible; }}
.lab-board .lab-cols {{ flex-flow: row wrap; align-items: flex-start; gap: 4px 26px; overflow: visible; }}
.lab-board .lab-side {{ flex: 0 0 236px; overflow: visible; }}
.lab-board .lab-form {{ flex: 0 0 330px; overflow: visible; }}
.lab-board .lab-talk, .lab-board .lab-fields, .lab-board .lab-message {{ overflow: visible; }}
.lab-board .lab-field {{ align-items: center; gap: 4px; overflow: visible; }}
.lab-board .lab-field > :first-child {{ flex: 1 1 auto; }}
.lab-board .lab-x {{ flex: 0 0 26px; padding: 0; height: 26px; line-height: 24px; }}
.lab-board .lab-message textarea {{ width: 100%; }}
.lab-board .lab-main {{ flex: 1 1 380px; min-width: 0; overflow: visible; }}
.lab-board .widget-inline-hbox .widget-label {{ text-align: left; max-width: none; width: auto; flex: 0 0 auto; }}
.lab-board .lab-knob {{ overflow: visible; margin: 0 0 3px 0; }}
.lab-board .lab-knob .widget-inline-hbox .widget-label {{ flex: 1 1 auto; }}
.lab-board .lab-knob .widget-text input {{ flex: 0 0 62px; width: 62px; text-align: right; height: 24px; }}
.lab-board .lab-knob .widget-text {{ height: 26px; }}
.lab-board .lab-knob .widget-slider {{ height: 20px; }}
.lab-board .lab-head {{ font-weight: 600; font-size: 13px; margin: 8px 0 2px 0; border-bottom: 1px solid {_LINE}; }}
.lab-board .widget-html, .lab-board .widget-html-content {{ overflow: visible; line-height: 1.4; height: auto; }}
.lab-board .widget-html-content {{ max-width: 100%; min-width: 0; flex: 1 1 auto; }}
.lab-board .widget-html {{ min-width: 0; }}
.lab-board td, .lab-board pre {{ overflow-wrap: anywhere !important; }}
.lab-board td:first-child:not(:only-child) {{ overflow-wrap: break-word !important; }}
.lab-board .lab-tokens {{ flex-flow: row wrap; gap: 4px; overflow: visible; }}
.lab-board .lab-tokens button {{ width: auto; font-family: monospace; height: 25px; line-height: 23px; padding: 0 8px;
  margin: 0; border: 1px solid {_LINE}; border-radius: 4px; }}
.lab-board button {{ border-radius: 4px; min-width: 0; color: var(--jp-ui-font-color1, inherit); }}
.lab-board button:focus-visible, .lab-board input:focus-visible, .lab-board textarea:focus-visible,
.lab-board select:focus-visible, .lab-board .noUi-handle:focus-visible
  {{ outline: 2px solid {TONES["info"]}; outline-offset: 1px; }}
.lab-board button.mod-primary {{ background: #1f66a8; color: #fff; }}
.lab-board button:disabled {{ opacity: 0.85 !important; cursor: not-allowed; border: 1px dashed {_LINE}; }}
.lab-board .widget-toggle-buttons {{ overflow: visible; height: auto; width: auto; }}
@container (max-width: 720px) {{
  .lab-board .lab-side {{ flex: 1 1 100%; flex-flow: row wrap; gap: 2px 14px; align-items: flex-end; }}
  .lab-board .lab-side > .lab-knob {{ flex: 1 1 175px; max-width: 220px; }}
  .lab-board .lab-side > .lab-head {{ flex: 1 1 100%; }}
  .lab-board .lab-main, .lab-board .lab-form {{ flex: 1 1 100%; }}
}}
.lab-board .widget-textarea textarea, .lab-board .lab-mono textarea {{ font-family: monospace; font-size: 12px; }}
</style>"""


def knob(label: str, value: float, *, minimum: float, maximum: float, step: float, hint: str = "") -> NumberControl:
    """A `NumberControl` with its name and number above and its slider below, for a column of them."""
    control = NumberControl(label, value, minimum=minimum, maximum=maximum, step=step)
    control.field.description, control.slider.description = label, ""
    control.field.layout = ipywidgets.Layout(width="auto", margin="0")
    control.slider.layout = ipywidgets.Layout(width="auto", margin="0 2px 0 2px")
    if hint:
        control.field.tooltip = f"{control.field.tooltip}. {hint}"
    box = ipywidgets.VBox([control.field, control.slider])
    box.add_class("lab-knob")
    control.box = box
    return control


def heading(text: str) -> ipywidgets.HTML:
    """A line of heading above a part of a board."""
    made = ipywidgets.HTML(str(escape(text)))
    made.add_class("lab-head")
    return made


def row(*children: Any, kind: str = "row") -> ipywidgets.Box:
    """Widgets side by side, wrapping where the page is narrow. kind: row, cols or tokens."""
    box = ipywidgets.HBox(children)
    box.add_class(f"lab-{kind}")
    return box


def column(*children: Any, kind: str = "main") -> ipywidgets.Box:
    """Widgets below each other. kind: main grows, side has the width of a knob."""
    box = ipywidgets.VBox(children)
    box.add_class(f"lab-{kind}")
    return box


def button(text: str, action: Callable[[], None], *, hint: str = "", primary: bool = False) -> ipywidgets.Button:
    """A button; keyboard and screen readers have its text."""
    made = ipywidgets.Button(
        description=text, tooltip=hint or text, button_style="primary" if primary else "", layout={"width": "auto"}
    )
    made.on_click(lambda _: action())
    return made


def toggle(label: str, options: Sequence[Any]) -> tuple[Any, ipywidgets.Box]:
    """One choice of a few as buttons, and the row in which they stand after their label."""
    made = ipywidgets.ToggleButtons(options=options, style={"button_width": "auto"}, tooltip=label)
    return made, row(ipywidgets.HTML(str(escape(label))), made)


def told(sentence: str, tone: str = "info") -> Html:
    """A sentence with a line of its tone's colour before it."""
    return Html(
        f'<div role="status" style="border-left: 4px solid {TONES[tone]}; padding: 1px 0 1px 10px; margin: 4px 0; '
        f'font-size: 13px; overflow-wrap: break-word">{escape(scrub(sentence))}</div>'
    )


def sentence_of(error: BaseException) -> str:
    """An exception as a sentence: the lab's own as it is, any other by its kind and text."""
    if isinstance(error, LabError):
        return str(error)
    said = " ".join(str(error).split())
    return f"This did not work: {type(error).__name__}{': ' + said if said else ''}."


class Board(ABC):
    """Controls and pictures. A subclass builds `box` with `self.build(...)` and says what it shows without widgets."""

    def __init__(self) -> None:
        self.status = ipywidgets.HTML()
        self._style = gone(STYLE)
        self.box: Any = ipywidgets.VBox()
        self.run: Run | None = None

    def build(self, *children: Any) -> None:
        """Put the parts together; the status line comes last but where it was placed already."""
        self.box = ipywidgets.VBox([self._style, *children])
        self.box.add_class("lab-board")
        self.box.add_class("lab-live")

    @abstractmethod
    def summary(self) -> str:
        """What is on the board, as text with its numbers."""

    @abstractmethod
    def html(self) -> Html:
        """The same as HTML that needs no widget."""

    def say(self, sentence: str = "", tone: str = "info") -> None:
        """Put a sentence into the status line; '' clears it."""
        self.status.value = str(told(sentence, tone)) if sentence else ""

    def guard(self, action: Callable[..., None]) -> Callable[..., None]:
        """`action` for a control: an exception becomes the status line."""

        def guarded(*given: Any) -> None:
            try:
                action(*given)
            except Exception as error:
                self.say(sentence_of(error), "bad")

        return guarded

    def on(self, widget: Any, action: Callable[[], None], name: str = "value") -> None:
        """Call `action` when the value of a widget or a knob changes."""
        guarded = self.guard(action)
        if isinstance(widget, NumberControl):
            widget.on_move(lambda _: guarded())
        else:
            widget.observe(lambda _: guarded(), name)

    def press(self, text: str, action: Callable[[], None], **options: Any) -> ipywidgets.Button:
        """A guarded `button`."""
        return button(text, self.guard(action), **options)

    @property
    def busy(self) -> bool:
        """Whether work runs beside the main thread."""
        return self.run is not None and not self.run.over

    def beside(self, work: Callable[[Run], None], ended: Callable[[], None]) -> Run:
        """Run `work` in a thread; `ended` is called once, when it is over or stopped. One at a time: the last stops."""
        if self.run is not None and not self.run.over:
            self.run.stop()

        def safely(run: Run) -> None:
            try:
                work(run)
            except Exception as error:
                if not run.stopped:
                    self.say(sentence_of(error), "bad")

        self.run = Run(safely, ended)
        return self.run.start()

    def stop(self) -> None:
        """Stop what runs beside the main thread; nothing where nothing does."""
        if self.run is not None and not self.run.over:
            self.run.stop()

    def wait(self, timeout_s: float = 120.0) -> bool:
        """Wait for what runs beside the main thread, as a cell that prints its result must. False: not in time."""
        return self.run is None or self.run.wait(timeout_s)

    def __repr__(self) -> str:
        return self.summary()

    def _repr_mimebundle_(self, **asked: Any) -> dict[str, Any]:
        widget: dict[str, Any] = self.box._repr_mimebundle_(**asked) or {}
        return {**widget, "text/plain": self.summary(), "text/html": str(self.html())}


class Dial:
    """A number of a board as an attribute: reads and moves the knob of that name. ParameterError when out of range."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, board: Any, owner: type) -> float:
        return self if board is None else board.knobs[self._name].value  # type: ignore[return-value]

    def __set__(self, board: Any, value: float) -> None:
        board.knobs[self._name].set(value)


class Entry:
    """A board's control as an attribute: reads and sets its text. ParameterError for what a menu does not have.

    held: the attribute that holds the control; this one's name behind an underscore unless given.
    """

    def __init__(self, held: str = "") -> None:
        self._held = held

    def __set_name__(self, owner: type, name: str) -> None:
        self._name, self._held = name, self._held or f"_{name}"

    def __get__(self, board: Any, owner: type) -> str:
        return self if board is None else str(getattr(board, self._held).value)  # type: ignore[return-value]

    def __set__(self, board: Any, value: str) -> None:
        control = getattr(board, self._held)
        if hasattr(control, "options"):
            choose(control, value, self._name)
        else:
            control.value = value


def choose(widget: Any, value: Any, where: str) -> None:
    """Set a Dropdown's value from code. Raises ParameterError naming what there is to choose."""
    from labkit.errors import ParameterError, did_you_mean

    options: Sequence[Any] = [each[1] if isinstance(each, tuple) else each for each in widget.options]
    if value not in options:
        known = [str(each) for each in options]
        raise ParameterError(
            f"{value!r} cannot be chosen",
            where=where,
            right=f"There are {', '.join(known)}. {did_you_mean(str(value), known)}".strip(),
        )
    widget.value = value
