"""The sampling explorer: every step from the model's distribution to the token that is drawn, under sliders."""

from __future__ import annotations

from typing import Any

import ipywidgets

from labkit import lm
from labkit.errors import ParameterError, did_you_mean
from labkit.lm.sampler import Sampling
from labkit.view.html import TONES, Html, card, escape, join, note, pre
from labkit.widgets.beside import Run
from labkit.widgets.board import Board, Dial, Entry, column, heading, knob, row, toggle
from labkit.widgets.next_token import token_text
from labkit.widgets.stages import Sampled, sampling_view
from labkit.widgets.writing import Samples, Step, Writing, write_samples

BUTTONS = 10  # tokens that can be clicked
BIAS = 100.0  # OpenAI's API reference, chat, `logit_bias`: from -100 to 100
# name: (label, start, lowest, highest, step, what it does)
KNOBS = {
    "temperature": ("temperature", 1.0, 0.0, 2.0, 0.01, "Below 1 sharpens, above 1 flattens, 0 takes the likeliest"),
    "top_k": ("top_k", 0.0, 0.0, 100.0, 1.0, "Keeps so many of the likeliest tokens; 0 keeps all"),
    "top_p": ("top_p", 1.0, 0.01, 1.0, 0.01, "Keeps the likeliest that together reach this probability"),
    "min_p": ("min_p", 0.0, 0.0, 1.0, 0.01, "Keeps what is at least so many times as likely as the likeliest"),
    "frequency_penalty": ("frequency_penalty", 0.0, -2.0, 2.0, 0.05, "Taken off for each time a token was written"),
    "presence_penalty": ("presence_penalty", 0.0, -2.0, 2.0, 0.05, "Taken off once a token was written at all"),
    "repetition_penalty": ("repetition_penalty", 1.0, 0.5, 2.0, 0.01, "Divides the logits of tokens seen; 1 is none"),
}


class SamplingExplorer(Board):
    """Sliders over `sampling_view`, `Writing` and `write_samples`; made by `sampling_explorer`.

    From code: each slider is an attribute (`.temperature = 0.3`), so are `.prompt` and `.model`; `.bias(token, 5)`,
    `.draw()`, `.take(token)`, `.back()`, `.restart()`, `.samples(20, 12)`; `.numbers()` and `.summary()` say what is
    shown.
    """

    temperature, top_k, top_p, min_p = Dial("temperature"), Dial("top_k"), Dial("top_p"), Dial("min_p")
    frequency_penalty, presence_penalty = Dial("frequency_penalty"), Dial("presence_penalty")
    repetition_penalty = Dial("repetition_penalty")

    def __init__(self, prompt: str, model: str, seed: int, **start: float) -> None:
        super().__init__()
        self._biases: dict[int, float] = {}
        self._writing = Writing(lm.load(model), prompt, seed)
        self.written: Samples | None = None
        self.knobs = {
            name: knob(label, start.get(name, value), minimum=low, maximum=high, step=step, hint=hint)
            for name, (label, value, low, high, step, hint) in KNOBS.items()
        }
        wide = {"description_width": "initial"}
        self._prompt = ipywidgets.Text(
            prompt,
            description="prompt",
            continuous_update=False,
            style=wide,
            layout={"width": "auto", "flex": "1 1 300px"},
        )
        self._model = ipywidgets.Dropdown(
            options=lm.names(), value=model, description="model", style=wide, layout={"width": "190px"}
        )
        self._bars, self._stages, self._path = ipywidgets.HTML(), ipywidgets.HTML(), ipywidgets.HTML()
        self._text, self._many = ipywidgets.HTML(), ipywidgets.HTML()
        self._mode, self._modes = toggle(
            "A click on a token", [("writes it", "write"), ("chooses it for a bias", "bias")]
        )
        self._tokens = [self.press("", lambda number=number: self._clicked(number)) for number in range(BUTTONS)]  # type: ignore[misc]
        self._token = ipywidgets.Dropdown(description="token", style=wide, layout={"width": "auto"})
        self._bias = knob("logit bias", 0.0, minimum=-BIAS, maximum=BIAS, step=0.5, hint="Added to this token's logit")
        self._n = knob("texts", 20, minimum=1, maximum=50, step=1)
        self._length = knob("tokens each", 12, minimum=1, maximum=48, step=1)
        self._write = self.press("Write them", self._write_many, primary=True)
        self._halt = self.press("Stop", self.stop)
        self._halt.disabled = True
        self._shown: list[int] = []
        self._wire()
        self._lay_out()
        self._new_step()

    def _wire(self) -> None:
        for control in self.knobs.values():
            self.on(control, self._draw)
        self.on(self._prompt, self._restarted)
        self.on(self._model, self._restarted)
        self.on(self._token, self._token_chosen)
        self.on(self._bias, self._bias_moved)

    def _lay_out(self) -> None:
        moves = row(
            self.press("Draw a token", self.draw, primary=True, hint="Draw the next token from the bars"),
            self.press("Take the likeliest", self.likeliest),
            self.press("Back", self.back, hint="Take the last token away"),
            self.press("Start over", self.restart),
        )
        for each in self._n, self._length:
            each.box.layout.width = "170px"
        side = column(
            *(control.box for control in self.knobs.values()),
            self.press("All without effect", self.reset, hint="Move every slider to where it changes nothing"),
            heading("Logit bias"),
            self._token,
            self._bias.box,
            kind="side",
        )
        main = column(
            self._text, row(*self._tokens, kind="tokens"), self._modes, moves, self._bars, self._stages, self._path
        )
        many = row(self._n.box, self._length.box, self._write, self._halt)
        self.build(
            row(self._prompt, self._model),
            self.status,
            row(side, main, kind="cols"),
            heading("Many texts at once, with these settings"),
            many,
            self._many,
        )

    # what is on it ----------------------------------------------------------------------------------------------

    @property
    def sampling(self) -> Sampling:
        """The sliders as the sampler takes them."""
        values: dict[str, Any] = {name: control.value for name, control in self.knobs.items()}
        return Sampling(**{**values, "top_k": int(values["top_k"])}, logit_bias=dict(self._biases))

    @property
    def view(self) -> Sampled:
        """The next token's distribution under the sliders, as the plain function gives it."""
        here = self._writing
        return sampling_view(
            here.logits, here.model.tokenizer, self.sampling, counts=here.counts, seen=here.seen_so_far(), top=BUTTONS
        )

    @property
    def text(self) -> str:
        """What has been written after the prompt."""
        return self._writing.text

    @property
    def steps(self) -> list[Step]:
        """The tokens written, each with the path not taken."""
        return list(self._writing.steps)

    def numbers(self) -> dict[str, float]:
        """Entropy in bits, effective number of choices, top-1 share and tokens left, after all stages."""
        return self.view.numbers()

    def summary(self) -> str:
        head = [f"prompt: {self.prompt}", f"written: {self.text or '(nothing yet)'}", ""]
        many = ["", str(self.written)] if self.written else []
        return "\n".join([*head, str(self.view), *many])

    def html(self) -> Html:
        view = self.view
        parts = [
            card(self.prompt, pre(self.text or "(nothing written yet)"), "info"),
            view.bars_html(),
            view.stages_html(),
        ]
        return join([*parts, self._writing.html(), Html(self.written._repr_html_() if self.written else "")])

    # set from code ----------------------------------------------------------------------------------------------

    @property
    def prompt(self) -> str:
        return str(self._prompt.value)

    @prompt.setter
    def prompt(self, text: str) -> None:
        Writing(self._writing.model, text)  # raises here, where a click would put it into the status line
        self._prompt.value = text

    model = Entry()

    def bias(self, token: str | int, value: float) -> None:
        """Set a token's logit bias; 0 takes it away. token: its id, or its text as the bars show it ('␣yes')."""
        value = self._bias.checked(value)
        self._set_bias(self._id(token), value)
        self._new_step()

    def draw(self) -> None:
        """Write a token drawn from the bars."""
        self._writing.draw(self.sampling)
        self._new_step()

    def likeliest(self) -> None:
        """Write the token with the longest bar."""
        self._writing.likeliest(self.sampling)
        self._new_step()

    def take(self, token: str | int) -> None:
        """Write this token. token: its id, or its text as the bars show it."""
        self._writing.take(self._id(token), self.sampling)
        self._new_step()

    def back(self) -> None:
        """Take the last token away."""
        self._writing.back()
        self._new_step()

    def restart(self) -> None:
        """Take away all that was written."""
        self._writing.restart()
        self._new_step()

    def reset(self) -> None:
        """Move every slider to where it changes nothing, and take all biases away."""
        self._biases.clear()
        for name, control in self.knobs.items():
            control.set(KNOBS[name][1])
        self._bias.set(0.0)
        self._new_step()

    def samples(self, n: int = 20, max_tokens: int = 12) -> Samples:
        """Write `n` texts of at most so many tokens with the sliders' settings, show them, and return them."""
        self._n.set(n)
        self._length.set(max_tokens)
        here = self._writing
        self._show_many(write_samples(
            here.model, here.prompt, self.sampling, n=int(n), max_tokens=int(max_tokens), seed=here.seed
        ))  # fmt: skip
        assert self.written is not None
        return self.written

    # moved by hand ----------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        view = self.view
        self._bars.value, self._stages.value = view.bars_html(), view.stages_html()

    def _restarted(self) -> None:
        model = lm.load(self._model.value)
        if model is not self._writing.model:
            self._biases.clear()  # ids mean other tokens there
        self._writing = Writing(model, self._prompt.value, self._writing.seed)
        self.say()
        self._new_step()

    def _new_step(self) -> None:
        """After another token, prompt or bias: buttons, text and bars."""
        view, here = self.view, self._writing
        self._shown = [candidate.token_id for candidate in view.rows[:BUTTONS]]
        for number, made in enumerate(self._tokens):
            there = number < len(self._shown)
            made.layout.display = "" if there else "none"
            made.disabled = not there
            if there:
                made.description = view.rows[number].token[:24]
                made.tooltip = f"the token {view.rows[number].token}"
        known = list(dict.fromkeys([*self._shown, *self._biases]))
        chosen = self._token.value
        self._token.options = [
            (f"{token_text(here.model.tokenizer, id)}  {self._biases.get(id, 0):+g}", id) for id in known
        ]
        self._token.value = chosen if chosen in known else known[0]
        ended = " · the model has ended its turn" if here.ended else ""
        lines = [TONES["warn"] if step.turned else "transparent" for step in here.steps]
        written = "".join(
            f'<span style="border-bottom: 2px solid {line}">{escape(step.token)}</span>'
            for line, step in zip(lines, here.steps, strict=True)
        )
        what = Html(
            f'<div style="font-family: monospace; font-size: 13px; overflow-wrap: break-word">{written or "…"}</div>'
        )
        label = note(f"Written so far, token by token; underlined where it is not the likeliest{ended}.")
        self._text.value = join([what, label])
        self._path.value = here.html() if here.steps else ""
        self._draw()

    def _clicked(self, number: int) -> None:
        if self._mode.value == "bias":
            self._token.value = self._shown[number]
        else:
            self.take(self._shown[number])

    def _token_chosen(self) -> None:
        if self._token.value is not None:
            self._bias.set(self._biases.get(self._token.value, 0.0))

    def _bias_moved(self) -> None:
        token = self._token.value
        if token is not None and self._bias.value != self._biases.get(token, 0.0):
            self._set_bias(token, self._bias.value)
            self._draw()

    def _set_bias(self, token: int, value: float) -> None:
        if value:
            self._biases[token] = value
        else:
            self._biases.pop(token, None)
        if self._token.value == token:
            self._bias.set(value)

    def _id(self, token: str | int) -> int:
        vocabulary = self._writing.model.tokenizer
        if isinstance(token, int):
            if isinstance(token, bool) or not 0 <= token < vocabulary.vocab_size:
                right = f"Ids go from 0 to {vocabulary.vocab_size - 1}"
                raise ParameterError(f"no token has the id {token!r}", where="token", right=right)
            return token
        found = [id for id in range(vocabulary.vocab_size) if token_text(vocabulary, id) == token]
        if not found:
            near = did_you_mean(str(token), [row.token for row in self.view.rows])
            raise ParameterError(
                f"no token is {token!r}", where="token", right=f"Write it as the bars do, ␣ for a space. {near}".strip()
            )
        return found[0]

    def _write_many(self) -> None:
        here, sampling = self._writing, self.sampling
        n, length = int(self._n.value), int(self._length.value)
        self._write.disabled, self._halt.disabled = True, False
        self.say(f"Writing {n} texts …")

        def work(run: Run) -> None:
            made = write_samples(
                here.model, here.prompt, sampling, n=n, max_tokens=length, seed=here.seed, stopped=lambda: run.stopped
            )
            self._show_many(made)
            self.say("Stopped." if made.stopped else "")

        self.beside(work, self._quiet)

    def _quiet(self) -> None:
        self._write.disabled, self._halt.disabled = False, True

    def _show_many(self, made: Samples) -> None:
        self.written = made
        self._many.value = made._repr_html_()


def sampling_explorer(
    prompt: str = "Tell me a joke.", model: str = "lab-chat", *, seed: int = 0, **start: float
) -> SamplingExplorer:
    """A model's next token under all the sampler's settings, and text written step by step or many at once.

    model: one of `lm.names()`.  seed: another number draws other tokens.  start: where sliders begin (temperature=0.7).
    Raises ModelFileError for an unknown model, ParameterError for an unknown slider or a value outside its range.
    """
    unknown = set(start) - set(KNOBS)
    if unknown:
        name = sorted(unknown)[0]
        raise ParameterError(
            f"no slider is called {name!r}", where="sampling_explorer", right=did_you_mean(name, KNOBS)
        )
    return SamplingExplorer(prompt, model, seed, **start)
