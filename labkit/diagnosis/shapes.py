"""What stands in JSON, as the type that is expected there: a body from anywhere may hold anything."""

from __future__ import annotations

import json
from typing import Any


def as_json(text: str) -> Any:
    """What a text says as JSON; None when it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def as_list(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; [] for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def as_dict(value: Any) -> dict[str, Any]:
    """An object; {} for anything else."""
    return value if isinstance(value, dict) else {}


def as_text(value: Any) -> str:
    """A text, or the texts of a content's parts in one; '' for anything else."""
    if isinstance(value, list):
        return "".join(as_text(part.get("text")) for part in value if isinstance(part, dict))
    return value if isinstance(value, str) else ""
