"""`curl`: the same call for a terminal, with the key as a variable."""

from __future__ import annotations

import re
import shlex
from typing import Any

from labkit.errors import ParameterError, did_you_mean
from labkit.keys import MASK, scrub
from labkit.wire import Exchange, Headers

SHELLS = ("sh", "powershell")
# curl makes these itself, or they speak of this one connection.
ITS_OWN = frozenset(
    {"host", "content-length", "user-agent", "accept", "accept-encoding", "connection", "transfer-encoding", "expect"}
)
LONGEST_ARGUMENT = 100_000  # characters; Linux allows 131,072 bytes for one argument
_PS_QUOTES = "'\u2018\u2019\u201a\u201b"  # PowerShell takes all of these for a single quote


class Command(str):
    """A command line; in a notebook it shows as it must be typed."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def curl(source: Any, shell: str = "sh", *, variable: str = "") -> Command:
    """The call behind `source` as a curl command that sends the same method, address, headers and body bytes.

    source: whatever `show` takes.  shell: 'sh' for Linux and macOS (any POSIX shell), 'powershell' for Windows
        PowerShell 5.1 and PowerShell 7 alike.
    variable: the environment variable that holds the key; guessed from the provider when not given.
    The key itself is never in it. Raises ParameterError for another shell, LabError for something without a call.
    """
    if shell not in SHELLS:
        raise ParameterError(
            f"no curl for {shell!r}", where="curl", right=f"shell is one of {', '.join(SHELLS)}",
            do=did_you_mean(shell, SHELLS),
        )  # fmt: skip
    exchange = Exchange.of(source)
    name = variable or _guessed(exchange.provider)
    if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
        raise ParameterError(
            f"{name!r} is not the name of a variable", where="curl", right="Give for instance DEEPSEEK_API_KEY"
        )
    make = _for_sh if shell == "sh" else _for_powershell
    return Command(scrub(make(exchange, name)))


def _for_sh(exchange: Exchange, variable: str) -> str:
    text, remark = _body(exchange)
    arguments = [" ".join((*_flags(exchange), _sh(exchange.request.url, variable)))]
    arguments += [f"-H {_sh(f'{name}: {value}', variable)}" for name, value in _headers(exchange.request.headers)]
    before = f"# {remark}\n" if remark else ""
    if text is not None and len(text.encode()) <= LONGEST_ARGUMENT:
        arguments.append(f"--data-raw {shlex.quote(text)}")
    elif text is not None:  # too long for an argument of a program, not for one that the shell keeps to itself
        before += f"printf %s {shlex.quote(text)} | "
        arguments.append("--data-binary @-")
    elif remark:
        arguments.append("--data-binary @body.bin")
    return f"{before}curl {_lined(arguments, chr(92))}"


def _for_powershell(exchange: Exchange, variable: str) -> str:
    text, remark = _body(exchange)
    arguments = [" ".join((*_flags(exchange), _ps(exchange.request.url, variable)))]
    arguments += [f"-H {_ps(f'{name}: {value}', variable)}" for name, value in _headers(exchange.request.headers)]
    before, after = "# For Windows PowerShell 5.1 and for PowerShell 7 on Windows\n", ""
    if remark:
        before += f"# {remark}\n"
        arguments.append("--data-binary '@body.bin'")
    if text is not None:
        # As an argument, 5.1 would drop the double quotes and lose signs beyond the code page; a file keeps all bytes.
        before += f"$file = [IO.Path]::GetTempFileName()\n[IO.File]::WriteAllText($file, {_ps_quoted(text)})\n"
        arguments.append('--data-binary "@$file"')
        after = "\nRemove-Item $file"
    return f"{before}curl.exe {_lined(arguments, '`')}{after}"


def _flags(exchange: Exchange) -> list[str]:
    sent = exchange.request
    flags = []
    asked = sent.json()
    if isinstance(asked, dict) and asked.get("stream"):
        flags.append("-N")  # show each part as it comes
    if sent.method == "HEAD":
        flags.append("-I")
    elif sent.method not in ("", "POST" if sent.body != b"" else "GET"):
        flags.append(f"-X {sent.method}")
    if re.search(r"[\[\]{}]", sent.url.replace(MASK, "")):
        flags.append("-g")  # else curl takes brackets for a pattern of several addresses
    return flags


def _headers(headers: Headers) -> list[tuple[str, str]]:
    kept = [(name, value) for name, value in headers if name.lower() not in (*ITS_OWN, "proxy-authorization")]
    if "content-type" not in headers:
        kept.append(("Content-Type", ""))  # without a value curl sends none, instead of its form type
    return kept


def _body(exchange: Exchange) -> tuple[str | None, str]:
    """(the body as text, '') or (None, why not); (None, '') when there is none."""
    body = exchange.request.body
    if body is None:
        return None, "The body was sent as a stream and is not known here: put it into body.bin."
    if not body:
        return None, ""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        return None, f"The body is {len(body):,} bytes that are not text: put them into body.bin."
    return text, ""


def _sh(text: str, variable: str) -> str:
    """Quoted for sh: everything literal but the variable.

    >>> print(_sh("Authorization: Bearer [hidden]", "DEEPSEEK_API_KEY"))
    "Authorization: Bearer $DEEPSEEK_API_KEY"
    """
    if MASK not in text:
        return shlex.quote(text)
    parts = text.split(MASK)
    if any(re.search(r'[\\"$`!]', part) for part in parts):
        return f'"${variable}"'.join(shlex.quote(part) if part else "" for part in parts)
    inner = f"${{{variable}}}" if any(re.match(r"\w", part) for part in parts[1:]) else f"${variable}"
    return f'"{inner.join(parts)}"'


def _ps(text: str, variable: str) -> str:
    """Quoted for PowerShell: everything literal but the variable."""
    if MASK not in text:
        return _ps_quoted(text)
    parts = [re.sub(r'[`"$\u201c\u201d\u201e]', r"`\g<0>", part) for part in text.split(MASK)]
    return '"' + f"${{env:{variable}}}".join(parts) + '"'


def _ps_quoted(text: str) -> str:
    return "'" + re.sub(f"[{_PS_QUOTES}]", r"\g<0>\g<0>", text) + "'"


def _lined(arguments: list[str], continued: str) -> str:
    return f" {continued}\n  ".join(arguments)


def _guessed(provider: str) -> str:
    name = re.sub(r"\W", "_", provider.upper(), flags=re.ASCII)
    return f"{name}_API_KEY" if name and not name[0].isdigit() else "API_KEY"
