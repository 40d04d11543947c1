"""The temperature slider: a model's next-token distribution, sharpened and flattened by hand."""

from __future__ import annotations

from numpy.typing import ArrayLike

from labkit.widgets.next_token import NextToken, Vocabulary, next_token_view, row_of_logits
from labkit.widgets.panel import NumberControl, Panel

HIGHEST = 2.0  # what most providers allow; openai.com's API reference, chat, `temperature`: between 0 and 2


class TemperatureSlider(Panel):
    """A slider over `next_token_view`; made by `temperature`."""

    def __init__(self, logits: ArrayLike, tokenizer: Vocabulary, temperature: float, top: int) -> None:
        self._logits = row_of_logits(logits, tokenizer.vocab_size)
        self._tokenizer, self._top = tokenizer, top
        self.control = NumberControl("temperature", temperature, minimum=0.0, maximum=HIGHEST, step=0.01)
        super().__init__([self.control])

    @property
    def view(self) -> NextToken:
        """The distribution at the slider's temperature, as the plain function gives it."""
        return next_token_view(self._logits, self._tokenizer, self.control.value, self._top)

    def numbers(self) -> dict[str, float]:
        """Temperature, entropy in bits, effective number of choices and top-1 share, to four decimals."""
        return self.view.numbers()

    def set(self, temperature: float) -> None:
        """Move the slider from code, to the nearest hundredth. Raises ParameterError outside 0 to 2."""
        self.control.set(temperature)


def temperature(
    logits: ArrayLike, tokenizer: Vocabulary, *, temperature: float = 1.0, top: int = 12
) -> TemperatureSlider:
    """A slider that redraws `next_token_view` from these logits; nothing is computed by the model again.

    logits: (V,) float, kept as a copy.  temperature: where it starts, 0 to 2 in hundredths.
    top: how many tokens have a bar.
    Raises ParameterError as `next_token_view` does, and for a temperature outside the slider's range.
    """
    return TemperatureSlider(logits, tokenizer, temperature, top)
