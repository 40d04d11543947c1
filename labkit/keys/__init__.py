"""Keys: where they are found, how they are held, and how they are kept out of everything the lab shows.

`Secret` holds one, `find` looks for one, `scrub` takes every known one out of a text, the masks hide what a header
or an address carries, and `install_log_filter` does the same for log records. It sends nothing: the only caller of
`Secret.unwrap` outside this package is the transport, which puts a key into a live request.
"""

from __future__ import annotations

from labkit.keys.find import find, lab_home, read_dotenv
from labkit.keys.logs import install_log_filter
from labkit.keys.masks import mask_header, mask_url
from labkit.keys.scrub import not_secret, scrub, scrub_bytes
from labkit.keys.secret import MASK, Secret

__all__ = [
    "MASK",
    "Secret",
    "find",
    "install_log_filter",
    "lab_home",
    "mask_header",
    "mask_url",
    "not_secret",
    "read_dotenv",
    "scrub",
    "scrub_bytes",
]
