"""A value that cannot be printed by accident.

It owns the hiding, not the finding. A `Secret` survives no repr, format, JSON, pickle or copy in readable form; the
value leaves it by `unwrap` alone, and the transport is the one place that calls it to send a key.
"""

from __future__ import annotations

import hmac
from typing import Any, NoReturn
from weakref import WeakValueDictionary

MASK = "[hidden]"

_alive: WeakValueDictionary[int, Secret] = WeakValueDictionary()


class Secret:
    """A key in safe hands: every way of printing it gives '[hidden]'.

    value: the key.  name: where it came from (a variable's name), which may be shown.
    `==` compares two Secrets in constant time and is False for anything else. Nothing can be set on it, it has no
    length, and it refuses to be pickled.

    >>> key = Secret("sk-not-a-real-one", name="DEEPSEEK_API_KEY")
    >>> key, f"{key}", "%s" % key
    (<Secret DEEPSEEK_API_KEY>, '[hidden]', '[hidden]')
    """

    __slots__ = ("__weakref__", "_reveal", "name")
    name: str

    def __init__(self, value: str, name: str = "") -> None:
        # A closure, not an attribute: object inspectors print attributes.
        object.__setattr__(self, "_reveal", lambda: value)
        object.__setattr__(self, "name", name)
        _alive[id(self)] = self

    def unwrap(self) -> str:
        """The value itself. For the transport, at the moment of sending, and for nobody else."""
        value: str = self._reveal()  # type: ignore[attr-defined]
        return value

    def __repr__(self) -> str:
        return f"<Secret {self.name}>" if self.name else "<Secret>"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes_of(self), _bytes_of(other))

    def __hash__(self) -> int:
        return hash(("Secret", self.unwrap()))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: Any) -> Secret:
        return self

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("A Secret is not written to files: save the name of its variable instead.")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("A Secret does not change: make a new one.")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("A Secret does not change: make a new one.")


def held() -> list[str]:
    """The values of all Secrets now alive: what `scrub` must know beside the environment."""
    return [secret.unwrap() for secret in list(_alive.values())]


def _bytes_of(secret: Secret) -> bytes:
    return secret.unwrap().encode("utf-8", "surrogatepass")
