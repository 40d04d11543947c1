"""Configuration in LibreChat's format: read as LibreChat reads it, checked, explained, exported.

`read(path)` gives a `Config`. Nothing here sends anything. Reader and verdict are those of js-yaml 4.3.1 and of
librechat-data-provider 0.8.524, which LibreChat 0.8 uses.
"""

from __future__ import annotations

from labkit.config.file import Config, loads, read, shipped
from labkit.config.findings import GRADES, Finding, Place

__all__ = ["GRADES", "Config", "Finding", "Place", "loads", "read", "shipped"]
