"""Sliders over plain functions. Each widget draws what a function here, callable alone, has worked out.

    widgets.next_token_view(logits, tokenizer, temperature=0.7)   the plain function: rows, numbers, text, HTML
    widgets.temperature(logits, tokenizer)                        the same under a slider

Only `panel` and the modules of single widgets load ipywidgets, and only when a widget is asked for; the plain functions
work without it. No widget makes a call: it redraws from what it was given.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from labkit.errors import LabError, did_you_mean

if TYPE_CHECKING:
    from labkit.widgets.bench import config_bench as config_bench
    from labkit.widgets.comparing import compare_board as compare_board
    from labkit.widgets.errors import error_lab as error_lab
    from labkit.widgets.explorer import sampling_explorer as sampling_explorer
    from labkit.widgets.lens import token_lens as token_lens
    from labkit.widgets.next_token import next_token_view as next_token_view
    from labkit.widgets.playground import request_playground as request_playground
    from labkit.widgets.scope import stream_scope as stream_scope
    from labkit.widgets.stages import sampling_view as sampling_view
    from labkit.widgets.temperatures import temperature as temperature
    from labkit.widgets.tokenised import tokenise as tokenise

_HOME = {
    "compare_board": "labkit.widgets.comparing",
    "error_lab": "labkit.widgets.errors",
    "config_bench": "labkit.widgets.bench",
    "next_token_view": "labkit.widgets.next_token",
    "request_playground": "labkit.widgets.playground",
    "sampling_explorer": "labkit.widgets.explorer",
    "stream_scope": "labkit.widgets.scope",
    "sampling_view": "labkit.widgets.stages",
    "token_lens": "labkit.widgets.lens",
    "tokenise": "labkit.widgets.tokenised",
    "temperature": "labkit.widgets.temperatures",
}
__all__ = [
    "compare_board",
    "config_bench",
    "error_lab",
    "next_token_view",
    "request_playground",
    "sampling_explorer",
    "sampling_view",
    "stream_scope",
    "temperature",
    "token_lens",
    "tokenise",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'labkit.widgets' has no attribute {name!r}. {did_you_mean(name, _HOME)}".rstrip())
    try:
        module = import_module(_HOME[name])
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != "ipywidgets":
            raise
        raise LabError(
            "sliders need ipywidgets, and it is not installed in this kernel's Python",
            where=f"widgets.{name}",
            right="What a slider draws, widgets.next_token_view(logits, tokenizer, temperature) gives without it",
            do='Run `python lab.py`, which installs it, or `pip install "ipywidgets>=8.1"`, and restart the kernel',
        ) from None
    value = globals()[name] = getattr(module, name)
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
