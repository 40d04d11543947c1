"""Mystery cases m23 to m26: files that LibreChat takes, whose requests go to the wrong place, and a preset."""

from __future__ import annotations

from typing import Any

from labkit.exercises import Exercise, World, expect, missed
from labkit.exercises.mending import broken_config, endpoint_file, groq_file, needs


def _reasoning(*lines: str) -> str:
    return endpoint_file("Reasoner", "OPENAI_API_KEY", "https://api.openai.com/v1", *lines)


WHOLE_URL = broken_config(
    "m23",
    "The base URL, and a little more",
    source="danny-avila/LibreChat/issues/1626",
    endpoint="Groq",
    provider="groq",
    report="""
LibreChat starts, the endpoint is in the menu, every question ends in a 404: `Unknown request URL: POST
/openai/v1/chat/completions/chat/completions`.
""",
    broken=groq_file().replace("/openai/v1", "/openai/v1/chat/completions"),
    mended=groq_file(),
    also=(
        groq_file().replace("/openai/v1", "/openai/v1/"),
        groq_file("directEndpoint: true").replace("/v1", "/v1/chat/completions"),
    ),
    hints=(
        "Read the address in the refusal: what stands in it twice?",
        "The base URL ends in /openai/v1; LibreChat appends the rest.",
    ),
    wrong=(
        (
            groq_file().replace("/openai/v1", "/openai/v1/chat"),
            "A little is still left of it: the base ends in /v1.",
        ),
        (
            groq_file().replace("/openai/v1", ""),
            "Now too much is gone: the base URL has a path of its own at this provider, /openai/v1.",
        ),
        (
            groq_file("directEndpoint: true"),
            "directEndpoint calls baseURL as it is written; then the whole path has to stand in it.",
        ),
    ),
)


def _ollama(url: str) -> str:
    return endpoint_file("Ollama", "OLLAMA_API_KEY", url).replace("${OLLAMA_API_KEY}", "ollama")


OLLAMA_PATH = broken_config(
    "m24",
    "The models are there, the chat is not",
    source="danny-avila/LibreChat/issues/8507",
    endpoint="Ollama",
    provider="ollama",
    report="""
Ollama's models are in the menu, and every question ends in `404 page not found`. The base URL is that of Ollama's own
documentation; LibreChat speaks as OpenAI does.
""",
    broken=_ollama("http://localhost:11434/api/"),
    mended=_ollama("http://localhost:11434/v1"),
    also=(_ollama("http://localhost:11434/v1/"), _ollama("http://host.docker.internal:11434/v1")),
    hints=(
        "Ollama has two APIs, its own under /api and one that looks like OpenAI's.",
        "The second one lives under /v1.",
    ),
    wrong=(
        (
            _ollama("http://localhost:11434"),
            "Without a path LibreChat calls /chat/completions, and there is nothing.",
        ),
        (
            _ollama("http://localhost:11434/api/chat"),
            "That is the address of Ollama's own chat, and LibreChat appends /chat/completions to it.",
        ),
        (
            _ollama("http://localhost:11434/v1/chat/completions"),
            "The base URL only: LibreChat appends /chat/completions by itself.",
        ),
        (
            _ollama("http://localhost:11434/api/v1"),
            "/api and /v1 are two APIs side by side, and neither stands inside the other.",
        ),
    ),
)


def _chat_only(body: Any, world: World) -> None:
    if "messages" not in body:
        missed("This is not a chat completion.", expected="messages", got=", ".join(body))
    needs(body, temperature=0.3)


def _theirs_to_choose(data: Any) -> None:
    for endpoint in data["endpoints"]["custom"]:
        if "temperature" in (endpoint.get("addParams") or {}):
            missed(
                "Now the file sets one temperature for all. It is the users who choose it, 0.3 today.",
                expected="no temperature",
                got=f"temperature: {endpoint['addParams']['temperature']}",
                about="addParams",
            )


WEB_SEARCH = broken_config(
    "m25",
    "Searching the web for a 404",
    source="danny-avila/LibreChat/issues/9793",
    endpoint="Groq",
    provider="groq",
    chosen={"temperature": 0.3},
    report="""
Since web search was added, every call is a 404: LibreChat sends it to `/responses`, OpenAI's newer API, which this
provider does not have. (It was reported of Perplexity.) The other setting, a temperature of 0.3 that users choose, has
to go on working.
""",
    broken=groq_file("addParams:", "  web_search: true"),
    mended=groq_file(),
    also=(groq_file("addParams:", "  web_search: false"),),
    keeps=_chat_only,
    says=_theirs_to_choose,
    hints=(
        "Which line moves the call to another address?",
        "Take web_search away; without it addParams is empty, and goes as well.",
    ),
    wrong=(
        (
            groq_file("addParams:", '  web_search: "false"'),
            "In quotes it is a text, and web_search has to be a yes or no: LibreChat does not start.",
        ),
        (
            groq_file("addParams:", "  web_search: true", "directEndpoint: true"),
            "directEndpoint calls the base URL as it is written, and nothing is there.",
        ),
        (
            groq_file('dropParams: ["temperature"]'),
            "The search is gone, and the users' temperature as well. Only what makes the trouble is to go.",
        ),
        (
            groq_file("addParams:", "  temperature: 0.3"),
            "The file now sets 0.3 for everybody, and no user can choose another. The panel does that by itself: "
            "nothing has to be added.",
        ),
    ),
)


def _specs(*preset: str) -> str:
    inside = "".join(f"        {line}\n" for line in ('endpoint: "Reasoner"', 'model: "MODEL"', *preset))
    return (
        _reasoning().rstrip("\n")
        + f"""
modelSpecs:
  list:
    - name: "careful"
      label: "Careful"
      preset:
{inside}"""
    )


def _instructed(body: Any, world: World) -> None:
    messages = body.get("messages") or [{}]
    first = messages[0]
    said = first.get("content") if isinstance(first, dict) else None
    expect(said, "Answer briefly.", "the instruction")


PRESET = broken_config(
    "m26",
    "Careful, and refused",
    source="QwenLM/qwen-code/issues/921",
    endpoint="Reasoner",
    provider="openai",
    role="reasoner",
    spec="careful",
    report="""
The entry *Careful* of the menu worked until its model was exchanged for one that reasons. `Unsupported value:
'temperature' does not support 0.2 with this model. Only the default (1) value is supported.` The instruction to be
brief has to stay.
""",
    broken=_specs('promptPrefix: "Answer briefly."', "temperature: 0.2"),
    mended=_specs('promptPrefix: "Answer briefly."'),
    also=(_specs('promptPrefix: "Answer briefly."', "temperature: 1"),),
    keeps=_instructed,
    hints=(
        "The values of a preset go into every request that the entry makes.",
        "Take the line temperature out of the preset, and leave the others.",
    ),
    wrong=(
        (
            _specs('promptPrefix: "Answer briefly."', "temperature: 0"),
            "0 is a value like 0.2, and not the default. Only 1, or no temperature, is taken.",
        ),
        (
            _specs(),
            "The instruction is gone with the temperature: promptPrefix becomes the system message.",
        ),
        (
            _specs('promptPrefix: "Answer briefly."', 'temperature: "1"'),
            "A temperature in quotes is a text, and LibreChat does not start with it.",
        ),
        (
            _reasoning(),
            "The entry is gone from the menu, and with it what its users had. Only its temperature is refused.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (WHOLE_URL, OLLAMA_PATH, WEB_SEARCH, PRESET)
