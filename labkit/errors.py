"""The lab's own errors: each says what is wrong, where, what would be right and what to do.

    LabError                    anything the lab itself refuses; never raised for a provider's 4xx
     ├── ConfigError            a YAML file of the lab or of the learner: wrong key, type, value
     │    └── FactsError        a provider's facts file breaks its schema or lacks what was asked for
     ├── KeyMissing             a live provider was asked for and no key was found
     ├── LiveRefused            a live call that nobody asked for by name, or one beyond the budget
     ├── ModelFileError         a weight or tokenizer file is missing, damaged or of another shape
     ├── ParameterError         an argument outside its range, or of the wrong type
     ├── ServerError            the local server cannot start or has stopped (a taken port, say)
     └── StorageError           the lab's own files (progress, recordings) cannot be read or written

A status of 400 or above is an exchange to look at, not an error: nothing here is raised for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


class LabError(Exception):
    """Base of all errors raised by the lab.

    what: the problem in a sentence.  where: file, field or argument.  right: what would have been right.
    do: the next step. Parts left out are not printed. `str()` is the message on one line.
    """

    def __init__(self, what: str, *, where: str = "", right: str = "", do: str = "") -> None:
        self.what, self.where, self.right, self.do = what, where, right, do
        super().__init__(what, where, right, do)

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return " ".join(_sentence(part) for part in (head, self.right, self.do) if part)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self), self.what, self.where, self.right, self.do)

    def _render_traceback_(self) -> list[str]:
        """What IPython prints instead of a traceback: the sentence alone."""
        return [f"{type(self).__name__}: {self}"]


class ConfigError(LabError):
    """A configuration file says something that cannot be meant."""


class FactsError(ConfigError):
    """A provider's facts file breaks its schema, or does not hold what was asked for."""


class KeyMissing(LabError):
    """A live provider was asked for by name and no key for it was found."""


class LiveRefused(LabError):
    """A call would leave this machine though nobody asked for it, or would go beyond the budget."""


class ModelFileError(LabError):
    """A weight or tokenizer file is missing, damaged or of another shape than its config says."""


class ParameterError(LabError, ValueError):
    """An argument is outside its range or of the wrong type."""


class ServerError(LabError):
    """The local server cannot start, or has stopped."""


class StorageError(LabError):
    """The lab's own files cannot be read or written."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence naming the nearest known word, or '' when nothing is near.

    >>> did_you_mean("deepsek", ["openai", "deepseek"])
    "Did you mean 'deepseek'?"
    """
    spelt = {str(k).lower(): k for k in known}
    near = get_close_matches(str(word).lower(), spelt, n=1, cutoff=0.6)
    return f"Did you mean '{spelt[near[0]]}'?" if near else ""


def _rebuilt(kind: type[LabError], what: str, where: str, right: str, do: str) -> LabError:
    return kind(what, where=where, right=right, do=do)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!", ":")) else text + "."
