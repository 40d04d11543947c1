"""Hides what headers and addresses carry by their name, whatever the value is and whether or not it is known.

A value that is plainly no key ('', 'None', '$DEEPSEEK_API_KEY', 'YOUR_API_KEY') stays readable, because that it was
sent is the finding.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote_plus

from labkit.keys.secret import MASK

# Headers whose value is a credential. Beside these, any name that ends like one.
KEY_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "set-cookie"}
)
_KEY_HEADER = re.compile(r"(?:^|[-_])(?:api[-_]?key|token|secret|password|auth|authorization|credential|session)$")
_KEY_PARAMETER = re.compile(
    r"^(?:(?:.*[-_.])?(?:key|apikey|token|secret|password|passwd|auth|authorization|signature|credential)|sig|code)$"
)
_SCHEME = re.compile(r"(?i)^\s*(bearer|basic|token|digest|apikey|api-key|key)(\s+)(.*)$", re.DOTALL)
_NO_KEY = re.compile(
    r"(?i)^(?:none|null|undefined|false|true|\$\{?\w+\}?|%\w+%|<[\w -]+>|\{\w+\}|your[-_]?api[-_]?key)?$"
)


@lru_cache(maxsize=1024)
def is_key_header(name: str) -> bool:
    """Whether a header of this name carries a credential."""
    name = name.lower()
    return name in KEY_HEADERS or bool(_KEY_HEADER.search(name))


@lru_cache(maxsize=1024)
def _is_address_header(name: str) -> bool:
    return name.lower() in ("location", "referer", "content-location", "link")


@lru_cache(maxsize=1024)
def may_hide(name: str) -> bool:
    """Whether `mask_header` ever changes the value of a header of this name."""
    return is_key_header(name) or _is_address_header(name)


def is_no_key(value: str) -> bool:
    """Whether a credential is plainly none: empty, 'None', a variable that was never filled in.

    >>> [is_no_key(v) for v in ("", "None", "$MISTRAL_API_KEY", "sk-1")]
    [True, True, True, False]
    """
    return bool(_NO_KEY.match(value.strip()))


def mask_header(name: str, value: str) -> str:
    """What may be shown of a header's value: the scheme and the names of cookies, never the credential.

    >>> mask_header("Authorization", "Bearer sk-1"), mask_header("accept", "*/*")
    ('Bearer [hidden]', '*/*')
    """
    if not is_key_header(name):
        return mask_url(value) if _is_address_header(name) else value
    lower = name.lower()
    if lower == "cookie":
        return ";".join(_mask_pair(part) for part in value.split(";"))
    if lower == "set-cookie":
        first, semicolon, rest = value.partition(";")
        return _mask_pair(first) + semicolon + rest
    if is_no_key(value):
        return value
    scheme = _SCHEME.match(value)
    if scheme is None:
        return MASK
    return f"{scheme[1]}{scheme[2]}{scheme[3] if is_no_key(scheme[3]) else MASK}"


def credential(name: str, value: str) -> str:
    """The bare credential in a header's value, without its scheme; '' when the header carries none."""
    if not is_key_header(name) or name.lower() in ("cookie", "set-cookie"):
        return ""
    scheme = _SCHEME.match(value)
    bare = (scheme[3] if scheme else value).strip()
    return "" if is_no_key(bare) else bare


def mask_url(url: str) -> str:
    """An address without what it carries in secret: user:password@ and parameters named like a key.

    >>> mask_url("https://me:pw@api.example.org/v1?key=abc&q=1")
    'https://[hidden]@api.example.org/v1?key=[hidden]&q=1'
    """
    if "@" in url:
        url = re.sub(r"(?<=://)[^/?#\s\"'@]*(?:@[^/?#\s\"'@]*)*@", f"{MASK}@", url)
    return url if "=" not in url else re.sub(r"([?&;])([^=&;#\s\"']+)=([^&;#\s\"']*)", _mask_parameter, url)


def url_credentials(url: str) -> list[str]:
    """The secret values in an address, decoded: those that `mask_url` hides."""
    if "=" not in url and "@" not in url:
        return []
    found = [unquote_plus(m[3]) for m in re.finditer(r"([?&;])([^=&;#\s]+)=([^&;#\s]*)", url) if _names_key(m[2])]
    user = re.search(r"://([^/?#\s]*)@", url)
    for part in unquote_plus(user[1]).split(":", 1) if user else []:
        found.append(part)
    return [value for value in found if not is_no_key(value)]


def _mask_parameter(match: re.Match[str]) -> str:
    if not _names_key(match[2]) or is_no_key(unquote_plus(match[3])):
        return match[0]
    return f"{match[1]}{match[2]}={MASK}"


def _names_key(parameter: str) -> bool:
    return bool(_KEY_PARAMETER.match(unquote_plus(parameter).lower()))


def _mask_pair(pair: str) -> str:
    name, equals, value = pair.partition("=")
    return f"{name}={MASK}" if equals and value.strip() else (MASK if pair.strip() else pair)
