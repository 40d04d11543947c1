"""litellm at work in an environment of its own: one call a line of JSON in, what came of it a line of JSON out."""

from __future__ import annotations

import json
import os
import sys
import warnings
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # the table of prices that litellm brings along, not today's
OUT, sys.stdout = sys.stdout, sys.stderr  # litellm prints hints
warnings.simplefilter("ignore")

import litellm  # noqa: E402

litellm.suppress_debug_info = True
litellm.telemetry = False


def told(call: dict[str, Any]) -> dict[str, Any]:
    """What litellm makes of a call: the answer in OpenAI's form, or the error's class, status and words."""
    try:
        answer = litellm.completion(**call, num_retries=0, max_retries=0, timeout=60)
        if not call.get("stream"):
            return {"answer": answer.model_dump()}
        chunks = [chunk.model_dump() for chunk in answer]
        return {"chunks": chunks}
    except Exception as error:
        status = getattr(error, "status_code", None)
        return {"error": type(error).__name__, "status": status, "says": str(error)}


for line in sys.stdin:
    print(json.dumps(told(json.loads(line)), default=str), file=OUT, flush=True)
