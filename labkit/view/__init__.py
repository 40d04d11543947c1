"""How things look: an exchange, its curl, the log; and the one place that escapes and styles HTML (`view.html`).

Every picture has a plain and an HTML form with the same content. Nothing here sends, and nothing here decides what an
exchange means.
"""

from __future__ import annotations

from labkit.view.anatomy import View, log_html, show
from labkit.view.curl import curl
from labkit.view.diff import Diff, diff
from labkit.view.token_row import token_row

__all__ = ["Diff", "View", "curl", "diff", "log_html", "show", "token_row"]
