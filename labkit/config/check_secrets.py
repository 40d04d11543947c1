"""Keys that stand in a configuration as they are: found by where they stand and by how they look, never shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from labkit.config.findings import looks_like_key
from labkit.config.variables import USER_PROVIDED
from labkit.keys.masks import credential, is_key_header, is_no_key, url_credentials
from labkit.keys.scrub import is_harmless

if TYPE_CHECKING:
    from labkit.config.file import Config

_KEY_NAME = re.compile(r"(?i)(?:^|[-_.a-z])(?:api[-_]?key|secret|token|password|passwd|credential|private[-_]?key)s?$")
_NO_SECRET = re.compile(r"(?i)tokens$|max_?token|token_?(?:id|type|limit|count|url|ratio|config)|_url$|preview$")
# What people write where a server asks for no key: words, a repeated sign, something to be filled in.
_PLACEHOLDER = re.compile(
    r"(?i)^(?:ollama|lm[-_ ]?studio|vllm|dummy|fake|test|none|no[-_]?key|not[-_]?(?:needed|required|used)|empty|local"
    r"|localhost|placeholder|changeme|change[-_]me|anything|nokey|na|n/a|todo|(?:sk|key|api)?[-_]?[x*.]{2,}[x*.-]*"
    r"|.*your[-_ ].*|.*example.*|.*<.*>.*|.*\bhere\b.*|.*placeholder.*|.*fake.*key.*|false|true|0+|1234?5?6?)$"
)


def literal_keys(config: Config) -> list[tuple[tuple[Any, ...], str, str]]:
    """Path, kind and value of each. The value is for masking alone."""
    found: list[tuple[tuple[Any, ...], str, str]] = []
    waiting: list[tuple[Any, tuple[Any, ...]]] = [(config.data, ())]
    seen: set[int] = set()
    while waiting:
        value, keys = waiting.pop()
        if isinstance(value, (dict, list)):
            if id(value) not in seen:
                seen.add(id(value))
                pairs = value.items() if isinstance(value, dict) else enumerate(value)
                waiting += [(inner, (*keys, key)) for key, inner in pairs]
        elif isinstance(value, str) and (kind := _kind(keys, value)):
            found.append((keys, *kind))
    return found


def _kind(keys: tuple[Any, ...], text: str) -> tuple[str, str] | None:
    name = str(next((key for key in reversed(keys) if isinstance(key, str)), ""))
    above = keys[-2] if len(keys) > 1 else ""
    if "${" not in text and "{{" not in text and not is_placeholder(text):
        if above in ("headers", "additionalHeaders", "requestHeaders", "oauth_headers") and is_key_header(name):
            bare = credential(name, text) or text
            return None if is_placeholder(bare) else (f"a literal credential in the header {name}", bare)
        if _KEY_NAME.search(name) and not _NO_SECRET.search(name) and not _names_variable(text):
            return f"a literal value of {name}", text
    if "://" in text and (parts := [p for p in url_credentials(text) if not is_placeholder(p) and "${" not in p]):
        return "an address with a password or key in it", parts[0]
    key = looks_like_key(text)
    return ("what has the form of a key", key) if key and not is_harmless(key) and _long(keys, text) else None


def _long(keys: tuple[Any, ...], text: str) -> bool:
    """A model's name or a path may look like a key; there only the known beginnings count."""
    from labkit.config.findings import _KEY_FORM

    return bool(_KEY_FORM.search(text))


def is_placeholder(text: str) -> bool:
    """Whether a literal is plainly no key, or not one to hide.

    >>> [is_placeholder(t) for t in ("ollama", "user_provided", "sk-xxxx", "your-api-key", "s3cr3tvalue99")]
    [True, True, True, True, False]
    """
    text = text.strip()
    if text.replace("-", "_").lower() == USER_PROVIDED or is_no_key(text) or is_harmless(text):
        return True
    return bool(_PLACEHOLDER.match(text)) and not looks_like_key(text)


def _names_variable(text: str) -> bool:
    """`tokenEnv: GITHUB_TOKEN` and its like: a name in capitals is no value."""
    return bool(re.fullmatch(r"[A-Z][A-Z0-9]*_[A-Z0-9_]+", text))


def in_text(text: str) -> Iterator[tuple[int, str]]:
    """Offset and kind of what has the form of a key anywhere in the text, comments too."""
    from labkit.config.findings import _KEY_FORM

    for match in _KEY_FORM.finditer(text):
        if looks_like_key(match.group()) and not is_harmless(match.group()) and not is_placeholder(match.group()):
            yield match.start(), "what has the form of a key"
