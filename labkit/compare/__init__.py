"""The same prompts to several providers at once, and what came back: times, tokens, cost, text, one row a call.

`compare` is handed a lab and sends through its clients; `Comparison` holds the rows, their summary and exports. It
judges no answer's quality: a local answer is a tiny lab model's, whatever the provider's name.
"""

from __future__ import annotations

from labkit.compare.result import Comparison
from labkit.compare.run import compare
from labkit.compare.target import Target

__all__ = ["Comparison", "Target", "compare"]
