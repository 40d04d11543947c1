"""Keeps keys out of log records of the HTTP libraries, the server and the lab.

httpx writes whole addresses at INFO, httpcore whole response headers at DEBUG. Records are cleaned when they are
made, so that every handler sees clean ones; loggers of other names are left alone.
"""

from __future__ import annotations

import re
from typing import Any

from labkit.keys.masks import is_key_header, mask_url
from labkit.keys.scrub import scrub
from labkit.keys.secret import MASK

LOGGERS = ("httpx", "httpcore", "httpx2", "httpcore2", "uvicorn", "labkit", "openai", "hpack", "urllib3")

# As httpcore prints headers: (b'set-cookie', b'id=1'), and as a dict does: 'x-api-key': 'abc'
_HEADER_PAIR = re.compile(r"""(b?(['"])([\w-]{3,40})\2\s*[,:]\s*)(b?(['"])(?:\\.|(?!\5).)*\5)""")


def install_log_filter() -> None:
    """Clean the records of the loggers in `LOGGERS` and below from now on. A second call changes nothing."""
    import logging

    make = logging.getLogRecordFactory()
    if getattr(make, "cleans_keys", False):
        return

    def cleaned(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        if record.name.split(".", 1)[0] in LOGGERS:
            _clean(record)
        return record

    cleaned.cleans_keys = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(cleaned)


def clean_line(text: str) -> str:
    """One log message without known secrets and without the values of key headers and URL parameters."""
    return scrub(_HEADER_PAIR.sub(_mask_pair, mask_url(text)))


def _clean(record: Any) -> None:
    import logging

    # One argument at a time first: uvicorn's own formatter wants its five.
    if isinstance(record.args, tuple):
        record.args = tuple(clean_line(arg) if isinstance(arg, str) else arg for arg in record.args)
    try:
        message = record.getMessage()
    except Exception:  # a broken format string: logging itself says so, and shows the arguments
        record.msg, record.args = clean_line(str(record.msg)), (MASK,)
        return
    clean = clean_line(message)
    if clean != message:
        record.msg, record.args = clean, ()
    if record.exc_info and record.exc_info[0] is not None:
        record.exc_text = clean_line(logging.Formatter().formatException(record.exc_info))
        record.exc_info = None


def _mask_pair(match: re.Match[str]) -> str:
    return f"{match[1]}'{MASK}'" if is_key_header(match[3]) else match[0]
