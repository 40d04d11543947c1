"""Bodies as text: which characters the bytes mean, and whether they are text at all.

A wrong or missing charset is common (DeepSeek labels JSON as octets), so the bytes have the last word.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from email.message import Message

_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_TEXT_CONTROLS = frozenset(b"\t\n\r\x1b\x08\x0c")  # ANSI colours and backspaces occur in text


def text_of(body: bytes, content_type: str = "") -> tuple[str | None, str]:
    """The text that `body` means, and a remark when that is not what its label says; (None, …) for binary.

    >>> text_of(b'{"a": 1}', "application/octet-stream")
    ('{"a": 1}', 'labelled application/octet-stream, but it is text')
    >>> text_of("é".encode("latin-1"), "text/plain; charset=utf-8")
    ('é', 'not utf-8 as labelled; read as Latin-1')
    """
    kind, charset = _label(content_type)
    for bom, name in _BOMS:
        if body.startswith(bom):
            return body.decode(name, "replace"), "" if name == "utf-8-sig" else "read as UTF-16, by its first bytes"
    remark = ""
    if charset and _decoded(body, charset) is None:
        remark = f"not {charset} as labelled; read as "
    elif charset and not _looks_binary(body):
        return _decoded(body, charset), ""
    if _looks_binary(body):
        return None, "binary"
    text = _decoded(body, "utf-8")
    if text is not None:
        if kind.startswith(("image/", "audio/", "video/")) or kind == "application/octet-stream":
            return text, f"labelled {kind}, but it is text"
        return text, f"{remark}UTF-8" if remark else ""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        whole = body[: error.start]
        if error.end == len(body) and error.start > len(body) - 4 and not whole.isascii():
            return body.decode("utf-8", "replace"), "ends in the middle of a character"
    return body.decode("cp1252" if _decoded(body, "cp1252") else "latin-1"), f"{remark or 'not UTF-8; read as '}Latin-1"


def decoded_parts(parts: list[tuple[float, bytes]], encoding: str) -> list[tuple[float, bytes]]:
    """Parts of a compressed body, decompressed, each with the time of the part that brought it.

    encoding: the content-encoding header. A body that is not what it says comes back as it is.
    """
    import httpx

    now = [0.0]

    class Feed(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            for now[0], part in parts:
                yield part

    try:
        packed = httpx.Response(200, headers={"content-encoding": encoding}, stream=Feed())
        return [(now[0], piece) for piece in packed.iter_bytes()]
    except httpx.DecodingError:
        return parts


def _label(content_type: str) -> tuple[str, str]:
    message = Message()
    message["content-type"] = content_type.replace("\r", " ").replace("\n", " ") or "text/plain"
    charset = message.get_param("charset", "")
    return (message.get_content_type() if content_type else "", charset.strip() if isinstance(charset, str) else "")


def _decoded(body: bytes, charset: str) -> str | None:
    try:
        text = body.decode(charset)
        return text if isinstance(text, str) else None
    except (UnicodeDecodeError, LookupError, ValueError):
        return None


def _looks_binary(body: bytes) -> bool:
    head = body[:4096]
    controls = sum(1 for byte in head if byte < 0x20 and byte not in _TEXT_CONTROLS)
    return b"\0" in head or controls > max(8, len(head) // 20)
