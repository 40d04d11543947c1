"""Mystery cases m19 to m26: files that LibreChat takes, whose requests the provider refuses, or does not get."""

from __future__ import annotations

from typing import Any

from labkit.exercises import Exercise, World, expect, missed
from labkit.exercises.mending import broken_config, needs


def _endpoint(name: str, variable: str, url: str, more: str = "", rest: str = "") -> str:
    return f"""
version: "1.3.17"
endpoints:
  custom:
    - name: "{name}"
      apiKey: "${{{variable}}}"
      baseURL: "{url}"
      models:
        default: ["MODEL"]
{more}{rest}"""


def _lines(*lines: str) -> str:
    return "".join(f"      {line}\n" for line in lines)


def _mistral(*lines: str) -> str:
    return _endpoint("Mistral", "MISTRAL_API_KEY", "https://api.mistral.ai/v1", _lines(*lines))


def _groq(*lines: str) -> str:
    return _endpoint("Groq", "GROQ_API_KEY", "https://api.groq.com/openai/v1", _lines(*lines))


DROP_USER = broken_config(
    "m19",
    "422 status code (no body)",
    source="danny-avila/LibreChat/pull/1538",
    endpoint="Mistral",
    provider="mistral",
    report="""
Every question to Mistral ends in `422 status code (no body)`; the body that LibreChat does not show says
`extra_forbidden` and `["body", "user"]`. Nothing in the file sets a user: LibreChat adds the field by itself. It can be
told to leave fields out.
""",
    broken=_mistral(),
    mended=_mistral('dropParams: ["user"]'),
    also=(_mistral("dropParams:", "  - user", "  - stop"),),
    keeps=lambda body, world: expect(body.get("user", "not sent"), "not sent", "user"),
    hints=(
        "An endpoint may have dropParams, a list of names that are not to be sent.",
        'dropParams: ["user"], beside models.',
    ),
    wrong=(
        (
            _mistral("dropParams: user"),
            'dropParams is a list, also for one name: ["user"].',
        ),
        (
            _mistral("addParams:", '  user: ""'),
            "An empty user is still a user. Mistral refuses the field, whatever stands in it.",
        ),
        (
            _mistral('dropParams: ["userId"]'),
            "The name is that of the field on the wire, and the refusal says it: user.",
        ),
        (
            _mistral("addParams:", "  user: null"),
            "null is a value, and the field is sent with it. It has to be left out altogether: dropParams.",
        ),
    ),
)

SAFE_PROMPT = broken_config(
    "m20",
    "A parameter with an old name",
    source="danny-avila/LibreChat/issues/1540",
    endpoint="Mistral",
    provider="mistral",
    report="""
Mistral's safety instruction was switched on with `addParams`, and since then there is no answer: 422 `extra_forbidden`,
`["body", "safe_mode"]`. The field is called `safe_prompt` today, and it has to stay on.
""",
    broken=_mistral('dropParams: ["user"]', "addParams:", "  safe_mode: true"),
    mended=_mistral('dropParams: ["user"]', "addParams:", "  safe_prompt: true"),
    also=(_mistral("addParams: {safe_prompt: true}", "dropParams: [user]"),),
    keeps=lambda body, world: needs(body, safe_prompt=True),
    hints=(
        "addParams puts whatever stands below it into the body. What should stand there?",
        "safe_prompt: true, in the place of safe_mode: true.",
    ),
    wrong=(
        (
            _mistral('dropParams: ["user"]', "addParams:", "  safe_mode: false"),
            "On or off, it is the old name that is refused. The instruction is to be on, as safe_prompt.",
        ),
        (
            _mistral('dropParams: ["user"]'),
            "It answers, and the safety instruction is gone. What was wanted has to stay, under its new name.",
        ),
        (
            _mistral('dropParams: ["user"]', "addParams:", '  safe_prompt: "true"'),
            "In quotes true is a text. The provider asks for a yes or no.",
        ),
        (
            _mistral('dropParams: ["user"]', "customParams:", "  safe_prompt: true"),
            "customParams says how the panel looks, and knows only a few keys. What goes into the body stands below "
            "addParams.",
        ),
    ),
)


def _reasoning(*lines: str) -> str:
    return _endpoint("Reasoner", "OPENAI_API_KEY", "https://api.openai.com/v1", _lines(*lines))


DROP_PENALTY = broken_config(
    "m21",
    "Dropped, and sent all the same",
    source="danny-avila/LibreChat/issues/10774",
    endpoint="Reasoner",
    provider="openai",
    role="reasoner",
    chosen={"frequency_penalty": 0.5},
    report="""
`Unsupported parameter: 'frequency_penalty' is not supported with this model.` A user had set it in the panel. The
administrator wrote it into dropParams at once, and nothing changed. Inside LibreChat 0.8 the value has another name
than on the wire.
""",
    broken=_reasoning('dropParams: ["frequency_penalty"]'),
    mended=_reasoning('dropParams: ["frequencyPenalty"]'),
    also=(_reasoning('dropParams: ["frequency_penalty", "frequencyPenalty"]'),),
    keeps=lambda body, world: expect(body.get("frequency_penalty", "not sent"), "not sent", "frequency_penalty"),
    hints=(
        "The check of the file (cfg.check()) says under which name LibreChat knows the value.",
        "frequencyPenalty, in one word with a capital P.",
    ),
    wrong=(
        (
            _reasoning('dropParams: ["presencePenalty"]'),
            "That is the other penalty. The refusal names frequency_penalty.",
        ),
        (
            _reasoning("dropParams: frequencyPenalty"),
            'The name is right, and dropParams is a list: ["frequencyPenalty"].',
        ),
        (
            _reasoning("addParams:", "  frequency_penalty: 0"),
            "0 is a value as well, and is sent. The model takes no such field at all.",
        ),
    ),
)

TOP_P = broken_config(
    "m22",
    "top_p without effect",
    source="danny-avila/LibreChat/issues/15101",
    endpoint="Groq",
    provider="groq",
    chosen={"top_p": 0.5},
    report="""
A user sets top_p to 0.5 in the panel. No error, no effect: the field is not in the request. LibreChat loses it on the
way. For all who use this endpoint 0.5 is right anyway, so the file may add it.
""",
    broken=_groq("dropParams: []"),
    mended=_groq("addParams:", "  top_p: 0.5"),
    also=(_groq("addParams: {top_p: 0.5}"),),
    keeps=lambda body, world: needs(body, top_p=0.5),
    hints=(
        "What stands below addParams goes into the body as it is.",
        "addParams:, and below it, indented, top_p: 0.5.",
    ),
    wrong=(
        (
            _groq("top_p: 0.5"),
            "An endpoint has no such key: LibreChat ignores it. What is to go into the body stands below addParams.",
        ),
        (
            _groq("addParams:", '  top_p: "0.5"'),
            "In quotes it is a text, and the provider asks for a number.",
        ),
        (
            _groq("addParams:", "  top_p: 50"),
            "50 is no share: top_p is a number between 0 and 1, and 0.5 was wanted.",
        ),
        (
            _groq("addParams:", "  topp: 0.5"),
            "The provider's name for it is top_p, and other names it refuses.",
        ),
    ),
)

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
    broken=_groq().replace("/openai/v1", "/openai/v1/chat/completions"),
    mended=_groq(),
    also=(
        _groq().replace("/openai/v1", "/openai/v1/"),
        _groq("directEndpoint: true").replace("/v1", "/v1/chat/completions"),
    ),
    hints=(
        "Read the address in the refusal: what stands in it twice?",
        "The base URL ends in /openai/v1; LibreChat appends the rest.",
    ),
    wrong=(
        (
            _groq().replace("/openai/v1", "/openai/v1/chat"),
            "A little is still left of it: the base ends in /v1.",
        ),
        (
            _groq().replace("/openai/v1", ""),
            "Now too much is gone: the base URL has a path of its own at this provider, /openai/v1.",
        ),
        (
            _groq("directEndpoint: true"),
            "directEndpoint calls baseURL as it is written; then the whole path has to stand in it.",
        ),
    ),
)


def _ollama(url: str) -> str:
    return _endpoint("Ollama", "OLLAMA_API_KEY", url).replace("${OLLAMA_API_KEY}", "ollama")


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
    ),
)


def _chat_only(body: Any, world: World) -> None:
    if "messages" not in body:
        missed("This is not a chat completion.", expected="messages", got=", ".join(body))
    needs(body, temperature=0.3)


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
    broken=_groq("addParams:", "  web_search: true"),
    mended=_groq(),
    also=(_groq("addParams:", "  web_search: false"),),
    keeps=_chat_only,
    hints=(
        "Which line moves the call to another address?",
        "Take web_search away; without it addParams is empty, and goes as well.",
    ),
    wrong=(
        (
            _groq("addParams:", '  web_search: "false"'),
            "In quotes it is a text, and web_search has to be a yes or no: LibreChat does not start.",
        ),
        (
            _groq("addParams:", "  web_search: true", "directEndpoint: true"),
            "directEndpoint calls the base URL as it is written, and nothing is there.",
        ),
        (
            _groq('dropParams: ["temperature"]'),
            "The search is gone, and the users' temperature as well. Only what makes the trouble is to go.",
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
    ),
)

EXERCISES: tuple[Exercise, ...] = (
    *(DROP_USER, SAFE_PROMPT, DROP_PENALTY, TOP_P),
    *(WHOLE_URL, OLLAMA_PATH, WEB_SEARCH, PRESET),
)
