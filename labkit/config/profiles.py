"""The two ways in which LibreChat makes a request of an endpoint, by version.

Up to 0.7 it spread `addParams` over the JSON body and deleted what `dropParams` names from it. Since late 2025 it hands
everything to LangChain's ChatOpenAI, whose names are not the wire's. Measured on 0.8.8-rc1 at a capture server; what
was read in its source and not measured is said to be so where it is used.
"""

from __future__ import annotations

from dataclasses import dataclass

from labkit.errors import ParameterError, did_you_mean


@dataclass(frozen=True)
class Profile:
    """One of the two. word: as `profile=` takes it.  name: with the versions it holds for."""

    word: str
    name: str


LEGACY = Profile("legacy", "LibreChat up to 0.7 (edits of the body)")
CURRENT = Profile("current", "LibreChat 0.8 (LangChain's names)")
PROFILES = {"current": CURRENT, "legacy": LEGACY}


def profile_of(word: str | Profile) -> Profile:
    """The profile of that word: 'current' or 'legacy', also as 'librechat-current'. Raises ParameterError."""
    if isinstance(word, Profile):
        return word
    found = PROFILES.get(str(word).strip().lower().removeprefix("librechat-"))
    if found is None:
        raise ParameterError(
            f"{word!r} is no profile",
            where="profile",
            right=f"'current' is {CURRENT.name}, 'legacy' is {LEGACY.name}",
            do=did_you_mean(str(word), PROFILES),
        )
    return found


# LangChain's ChatOpenAI takes these itself; every other name goes into the body as it is.
# Where one of them is None it is honoured as an option of a call only, and LibreChat's configuration makes no call.
CLIENT_NAMES: dict[str, str | None] = {
    "model": "model",
    "modelName": "model",
    "temperature": "temperature",
    "topP": "top_p",
    "frequencyPenalty": "frequency_penalty",
    "presencePenalty": "presence_penalty",
    "logprobs": "logprobs",
    "topLogprobs": "top_logprobs",
    "n": "n",
    "logitBias": "logit_bias",
    "stop": "stop",
    "stopSequences": "stop",
    "user": "user",
    "maxTokens": "max_tokens",
    "maxCompletionTokens": "max_tokens",
    "audio": "audio",
    "modalities": "modalities",
    "service_tier": "service_tier",
    "tools": None,
    "tool_choice": None,
    "functions": None,
    "function_call": None,
    "response_format": None,
    "seed": None,
    "stream_options": None,
    "parallel_tool_calls": None,
    "strict": None,
    "prediction": None,
    "promptIndex": None,
    "text": None,
    "truncation": None,
    "include": None,
    "previous_response_id": None,
}
# Taken by the client, and no field of the body.
SETTINGS = {
    "maxRetries": "how often the client tries again; nothing of it is on the wire",
    "timeout": "how long the client waits; nothing of it is on the wire",
    "maxConcurrency": "how many calls the client makes at once; nothing of it is on the wire",
    "verbose": "what the client logs; nothing of it is on the wire",
    "stream": "LangChain looks at `streaming`, not at `stream`: the answer is streamed all the same",
    "streaming": "LibreChat always asks LangChain for a stream",
    "streamUsage": "LibreChat's run turns it off for custom endpoints",
    "apiKey": "replaced by the endpoint's own key",
    "organization": "a header of OpenAI's, left out here",
    "configuration": "settings of the client",
    "zdrEnabled": "of the Responses API alone",
    "supportsStrictToolCalling": "speaks of tools, of which this request has none",
    "__includeRawResponse": "what the client keeps of the answer",
    "disableStreaming": "",  # handled where the body is made
    "useResponsesApi": "",
    "reasoning": "",
}
KNOWN = frozenset(CLIENT_NAMES) | frozenset(SETTINGS)
# What the menu of a chat calls a value, and what LibreChat renames it to before `dropParams` is read.
RENAMED = {"frequency_penalty": "frequencyPenalty", "presence_penalty": "presencePenalty", "max_tokens": "maxTokens"}
DROP_INSTEAD = {**RENAMED, "top_p": "topP", "stream": "disableStreaming"}
