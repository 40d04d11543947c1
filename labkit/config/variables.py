"""`${VARIABLE}`, `{{PLACEHOLDER}}` and `user_provided` as LibreChat fills them in.

A text that begins with `${` and ends with `}` is one variable, whatever stands between: `${A}-${B}` asks for a variable
called `A}-${B`. There is no shell syntax (`${A:-x}`, `$A`). A variable that is not set, or empty, stays as it is
written. Infrastructure secrets are never filled in. Source: librechat-data-provider 0.8.524, measured.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping
from typing import Any

from labkit.keys.find import names_a_key

USER_PROVIDED = "user_provided"
REFUSED = frozenset(
    "JWT_SECRET JWT_REFRESH_SECRET CREDS_KEY CREDS_IV MEILI_MASTER_KEY MONGO_URI REDIS_URI REDIS_PASSWORD".split()
)
# The one who sits before LibreChat in the lab's examples.
USER: Mapping[str, str] = {
    "id": "lab-user-id",
    "name": "A learner",
    "username": "learner",
    "email": "learner@example.org",
    "provider": "local",
    "role": "USER",
}
USER_FIELDS = (
    "id name username email provider role googleId facebookId openidId samlId ldapId githubId discordId appleId "
    "emailVerified twoFactorEnabled termsAccepted"
).split()
CONVERSATION = {"CONVERSATIONID": "lab-conversation", "PARENTMESSAGEID": "lab-parent", "MESSAGEID": "lab-message"}

_WHOLE = re.compile(r"^\$\{(.+)\}$")
_PART = re.compile(r"\$\{([^}]+)\}")
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def resolve(text: str, env: Mapping[str, str]) -> str:
    """`text` with its variables filled in, as LibreChat does it.

    >>> resolve(" ${A} ", {"A": "x"}), resolve("pre-${A}", {"A": "x"}), resolve("${A}-${B}", {"A": "x", "B": "y"})
    ('x', 'pre-x', '${A}-${B}')
    """
    if not text:
        return text
    trimmed = text.strip()
    whole = _WHOLE.match(trimmed)
    if whole:
        return trimmed if whole[1] in REFUSED else env.get(whole[1], "") or trimmed
    return _PART.sub(lambda m: m[0] if m[1] in REFUSED else env.get(m[1], "") or m[0], trimmed)


def variables_in(text: str) -> list[str]:
    """The names that LibreChat would look up for `text`, as it reads them.

    >>> variables_in("x${A}-${B}"), variables_in("${A}-${B}")
    (['A', 'B'], ['A}-${B'])
    """
    whole = _WHOLE.match(text.strip())
    return [whole[1]] if whole else _PART.findall(text)


def unfilled(text: str) -> str:
    """The variable that `text` still is, which LibreChat takes for a missing value; '' when it is none."""
    whole = _WHOLE.match(text.strip())
    return whole[1] if whole else ""


def can_be_set(name: str) -> bool:
    """Whether an environment can hold a variable of this name for LibreChat to fill in."""
    return bool(_NAME.fullmatch(name)) and name not in REFUSED


class WithoutKeys(Mapping[str, str]):
    """The environment as the lab shows it: no variable whose name says that it holds a key."""

    def __getitem__(self, name: str) -> str:
        if names_a_key(name):
            raise KeyError(name)
        return os.environ[name]

    def __iter__(self) -> Any:
        return (name for name in os.environ if not names_a_key(name))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def fill_placeholders(text: str, user: Mapping[str, str]) -> str:
    """`text` with `{{LIBRECHAT_USER_…}}` and `{{LIBRECHAT_BODY_…}}` filled in; an unknown one stays as it is written.

    What an HTTP header cannot carry in a name, user name or address becomes `b64:` and Base64.
    """
    for field in USER_FIELDS:
        mark = f"{{{{LIBRECHAT_USER_{field.upper()}}}}}"
        if mark in text:
            value = str(user.get(field, ""))
            if field in ("name", "username", "email") and any(ord(sign) > 0xFF for sign in value):
                value = "b64:" + base64.b64encode(value.encode("utf-8")).decode("ascii")
            text = text.replace(mark, value)
    for name, value in CONVERSATION.items():
        text = text.replace(f"{{{{LIBRECHAT_BODY_{name}}}}}", value)
    return text
