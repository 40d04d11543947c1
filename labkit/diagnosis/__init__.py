"""Diagnosis: from a failed exchange to ranked causes, each with its evidence, a way to confirm it, and the fix.

The rules are data (`rules.yaml`); `reading` takes the exchange apart, `signs` finds what no pattern can, `hints` add
names and numbers. It reads the exchange and the facts, never the local server.
"""

from __future__ import annotations

from labkit.diagnosis.causes import Cause, Diagnosis, diagnose

__all__ = ["Cause", "Diagnosis", "diagnose"]
