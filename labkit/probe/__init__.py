"""The probe: each parameter sent in turn, and refused, ignored or honoured as the exchange alone shows.

`probe` asks and judges, without a look at the facts; `compare` then sets what was seen beside what the facts say. It
sends through whatever client it is handed, local or live.
"""

from __future__ import annotations

from labkit.probe.compare import Difference, compare
from labkit.probe.report import Report
from labkit.probe.run import probe
from labkit.probe.seen import Finding, Seen
from labkit.probe.support import Support

__all__ = ["Difference", "Finding", "Report", "Seen", "Support", "compare", "probe"]
