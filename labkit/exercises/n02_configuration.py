"""Predictions and exercises of notebook 02: pieces of configuration, judged by what they do on the wire."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from labkit import config
from labkit.config.address import sendable
from labkit.cost import usage_usd
from labkit.errors import ConfigError
from labkit.exercises import Exercise, Misconception, Prediction, World, expect, missed

if TYPE_CHECKING:
    import httpx

    from labkit.config.findings import Finding

PREDICTIONS: tuple[Prediction, ...] = (
    Prediction(
        id="02-base",
        question="In Mistral's endpoint the /v1 at the end of baseURL is forgotten. What does the server answer?",
        choices={
            "a": "500: the server is confused",
            "b": "404: there is no such address",
            "c": "401: the key is not for that address",
            "d": "200: the provider finds the right path itself",
        },
        right="b",
        explain={
            "a": "A 500 is a fault of the server's own. A server that does not know a path knows exactly what is "
            "wrong, and has a status for it.",
            "b": "The host is right, so a server answers; the path leads nowhere, so it says that. The wording "
            "differs from provider to provider, the status does not.",
            "c": "That could be: some servers look at the key first. Here the path is looked at first, and the key "
            "is never read.",
            "d": "Some providers do take both, with /v1 and without: DeepSeek does. It is a courtesy, and you cannot "
            "count on it.",
        },
    ),
    Prediction(
        id="02-penalty",
        question="The file says dropParams: [frequency_penalty], and the user sets a frequency penalty of 0.5. What "
        "does today's LibreChat send?",
        choices={
            "a": "no frequency_penalty: that is what dropParams is for",
            "b": "frequency_penalty: 0.5, as if the line were not there",
            "c": "frequency_penalty: 0, the default",
            "d": "nothing: it refuses the file",
        },
        right="b",
        explain={
            "a": "That is how it was up to version 0.7, and how many pages still describe it. Since then the "
            "value has another name when dropParams is looked at.",
            "b": "When dropParams is applied, the value is called frequencyPenalty, and nothing of the name "
            "frequency_penalty is there to be taken out. No warning: the file is valid.",
            "c": "dropParams takes out, it never sets. A value that is to be 0 belongs into addParams.",
            "d": "dropParams is a list of strings, and any string will do. A name that means nothing is no error.",
        },
    ),
    Prediction(
        id="02-title",
        question="An endpoint says nothing at all about titles. A user begins a new conversation with one message. "
        "How many requests reach the provider?",
        choices={
            "a": "one: titles are off unless asked for",
            "b": "one: the title is made from the first words of the message",
            "c": "two: the second goes to the model of the conversation",
            "d": "two: the second goes to a small model that LibreChat chooses",
        },
        right="c",
        explain={
            "a": "So LibreChat's documentation says. But a second request leaves, and only titleConvo: false stops it.",
            "b": "A program could do that, for nothing. LibreChat asks a model.",
            "c": "Titles are on unless they are turned off, and without a titleModel the conversation's own model is "
            "asked, however dear it is.",
            "d": "Up to version 0.7 a small model was the default. Now it is the one that the user talks to.",
        },
    ),
)

QUESTION = "How do I keep basil alive on a window sill?"


def _file(answer: Any) -> config.Config:
    """A librechat.yaml with this one endpoint, or Missed in LibreChat's words. JSON is YAML, too."""
    if not isinstance(answer, Mapping):
        missed("Asked for is one endpoint, as a dictionary.", expected="a dict", got=answer)
    try:
        text = json.dumps({"version": "1.3.17", "endpoints": {"custom": [answer]}})
    except (TypeError, ValueError):
        missed("An endpoint is made of texts, numbers, lists and dictionaries.", expected="plain values", got=answer)
    made = config.loads(text)
    for finding in made.check():
        if finding.grade in ("schema", "start-up", "dropped"):
            missed("", expected="an endpoint that LibreChat takes", got=_found(finding, finding.path))
    return made


def _found(finding: Finding, where: str) -> str:
    """What a finding says, with what would be right."""
    return f"{where}: {finding.what}. {finding.right}".rstrip(". ")


def _terse(endpoint: str) -> tuple[config.Config, tuple[Any, ...]]:
    """The lab's own file, with short answers from one endpoint: a check sends many. And the endpoint's place."""
    made = config.shipped()
    keys = tuple(made.endpoint(endpoint).keys)
    return made.set((*keys, "addParams"), {"maxTokens": 4}), keys


def _send(world: World, request: httpx.Request) -> httpx.Response:
    """What `lab.send` does, in the world of the check."""
    known = world.facts
    local, keys = {name: world.url(name) for name in known}, {name: world.key(name) for name in known}
    with world.client("lab") as client:
        return client.send(sendable(request, known, local, keys))


def _arrives(world: World, request: httpx.Request | None, what: str = "the chat") -> Any:
    """Send it, miss the answer unless it is a 200, and return the body that the provider saw."""
    if request is None:
        missed("", expected=f"a request for {what}", got="none")
    response = _send(world, request)
    if response.status_code != 200:
        path = request.url.path
        missed("", expected="status 200", got=f"{response.status_code} for {path}: {response.text[:200]}", about=what)
    return world.calls[-1].body


# --- mend the blog's endpoint ---------------------------------------------------------------------------------------


def _today(answer: Any, world: World) -> config.Config:
    return _file(answer([world.model("deepseek"), world.model("deepseek", "strong")]))


def _chats(answer: Any, world: World) -> None:
    """A message reaches a model that lives"""
    _arrives(world, _today(answer, world).request(_name(_today(answer, world)), QUESTION))


def _limited(answer: Any, world: World) -> None:
    """The limit arrives, the two penalties do not"""
    made = _today(answer, world)
    chosen = {"frequency_penalty": 0.5, "presence_penalty": 0.5}
    body = _arrives(world, made.request(_name(made), QUESTION, chosen=chosen))
    expect(body.get("max_tokens"), 2048, "max_tokens on the wire")
    expect([name for name in chosen if name in body], [], "penalties on the wire")


def _entitled(answer: Any, world: World) -> None:
    """The title is made as well"""
    made = _today(answer, world)
    _arrives(world, made.title(_name(made), QUESTION), "the title")


def _name(made: config.Config) -> str:
    return str(made.endpoints[0].name)


MEND = """
def mended(models):
    return {
        "name": "DeepSeek",
        "apiKey": "${DEEPSEEK_API_KEY}",
        "baseURL": "https://api.deepseek.com/v1",
        "models": {"default": models},
        "titleModel": models[0],
        "addParams": {"maxTokens": 2048},
        "dropParams": ["frequencyPenalty", "presencePenalty"],
    }
"""

MENDED = Exercise(
    id="02-mend",
    title="Mend the blog's endpoint",
    minutes=5,
    level="worked",
    prompt="""
`mended` is handed a list of DeepSeek's models that live today, and returns the endpoint as a dictionary, the way YAML
would be read. Fill the five gaps: what is to be in the menu, who makes the titles (any of them), the name under which a
limit of 2048 tokens arrives, and the two names that keep the penalties off the wire, in today's LibreChat.
""",
    blank=MEND.replace('"default": models', '"default": ...')
    .replace("models[0]", "...")
    .replace('{"maxTokens": 2048}', "{...: 2048}")
    .replace('["frequencyPenalty", "presencePenalty"]', "[..., ...]"),
    cases=(_chats, _limited, _entitled),
    hints=(
        "`default` takes a list, and you were handed one. `titleModel` takes one name of it.",
        "Sections 6 and 7: LibreChat now uses LangChain's names, which have a capital letter where the wire has an "
        "underscore.",
    ),
    solution=MEND,
    also_correct=(
        MEND.replace("models[0]", '"current_model"'),
        MEND.replace('"dropParams": [', '"dropParams": ["stop", "user", '),
    ),
    misconceptions=(
        Misconception(
            MEND.replace("maxTokens", "max_tokens"),
            "max_tokens is the name on the wire. As a key of addParams it does not arrive: LangChain writes its own, "
            "unset value over it. In today's LibreChat the key is maxTokens.",
        ),
        Misconception(
            MEND.replace("frequencyPenalty", "frequency_penalty").replace("presencePenalty", "presence_penalty"),
            "These are the names on the wire, and they worked up to LibreChat 0.7. When dropParams is looked at today, "
            "the "
            "values are called frequencyPenalty and presencePenalty.",
        ),
        Misconception(
            MEND.replace('"default": models', '"default": models[0]'),
            "One name alone is a text. models.default must be a list, even of one: LibreChat does not start with "
            "this file.",
        ),
        Misconception(
            MEND.replace("models[0]", '"deepseek-chat"'),
            "The chat works and the title does not: its model is the blog's, which is retired. In LibreChat every new "
            "conversation would be called New Chat.",
        ),
        Misconception(
            MEND.replace("models[0]", "models"),
            "One model makes the titles, so titleModel is one name and no list: models[0], or any other of them.",
        ),
    ),
)


# --- an endpoint from a page of documentation -----------------------------------------------------------------------


def _documented(answer: Any, world: World, provider: str) -> config.Config:
    known = world.facts[provider]
    address = known.address.base_url + known.address.paths["chat"]
    return _file(answer(known.label, known.key.variables[0], address, [known.model("chat").id]))


def _reaches(answer: Any, world: World, provider: str) -> None:
    made, known = _documented(answer, world, provider), world.facts[provider]
    try:
        request = made.request(_name(made), QUESTION, env={known.key.variables[0]: world.key(provider)})
    except ConfigError as error:
        missed("", expected="a request", got=str(error))
    sent = request.headers.get("authorization", "")
    if known.key.variables[0] in sent:
        missed("", expected="the key that the variable holds", got=sent, about="what is sent as the key")
    _arrives(world, request)


def _groq(answer: Any, world: World) -> None:
    """A message at Groq"""
    _reaches(answer, world, "groq")


def _fireworks(answer: Any, world: World) -> None:
    """A message at Fireworks"""
    _reaches(answer, world, "fireworks")


def _deepseek(answer: Any, world: World) -> None:
    """A message at DeepSeek"""
    _reaches(answer, world, "deepseek")


def _untitled(answer: Any, world: World) -> None:
    """A new conversation is one request"""
    made = _documented(answer, world, "groq")
    if made.title(_name(made), QUESTION) is not None:
        missed("", expected="one request: no title", got="two requests")


BLOCK = """
def block(name, variable, address, models):
    endpoint = {"name": name, "models": {"default": models}}
    endpoint["apiKey"] = "${" + variable + "}"
    endpoint["baseURL"] = address.removesuffix("/chat/completions")
    endpoint["titleConvo"] = False
    return endpoint
"""

REACH = Exercise(
    id="02-reach",
    title="An endpoint from a page of documentation",
    minutes=6,
    level="faded",
    prompt="""
A provider's documentation shows the whole address of a chat, `https://…/chat/completions`, and the name of the
environment variable that holds the key. `block` makes an endpoint of the two: every message reaches the provider with
the key, and a new conversation is **one** request. The key's value is not yours to know; the file says where it is.
""",
    blank="""
def block(name, variable, address, models):
    endpoint = {"name": name, "models": {"default": models}}
    ...
    return endpoint
""",
    cases=(_groq, _fireworks, _deepseek, _untitled),
    hints=(
        "Three keys are missing: the key, the address, and the one that turns titles off.",
        "LibreChat adds /chat/completions to baseURL. Section 3 shows how a variable is written.",
        'address.removesuffix("/chat/completions"), and "${" + variable + "}".',
    ),
    solution=BLOCK,
    also_correct=(
        BLOCK.replace('address.removesuffix("/chat/completions")', 'address.split("/chat/")[0] + "/"'),
        BLOCK.replace(
            'address.removesuffix("/chat/completions")', 'address\n    endpoint["directEndpoint"] = True'
        ).replace('"${" + variable + "}"', 'f"${{{variable}}}"'),
    ),
    misconceptions=(
        Misconception(
            BLOCK.replace('.removesuffix("/chat/completions")', ""),
            "LibreChat adds /chat/completions to baseURL, so with the whole address it stands there twice, "
            "and that path does not exist.",
        ),
        Misconception(
            BLOCK.replace('address.removesuffix("/chat/completions")', '"/".join(address.split("/")[:3])'),
            "Only the host is left. What stands between the host and /chat/completions is part of the base, and every "
            "provider has another: /openai/v1 here, nothing there.",
        ),
        Misconception(
            BLOCK.replace('"${" + variable + "}"', "variable"),
            "The name of the variable is sent as if it were the key, and a provider answers 401. Dollar and braces "
            "make a variable of it.",
        ),
        Misconception(
            BLOCK.replace('"${" + variable + "}"', '"$" + variable'),
            "A shell takes $NAME for a variable; LibreChat does not. It sends the text as it stands, and the provider "
            "refuses it with a 401.",
        ),
        Misconception(
            BLOCK.replace('    endpoint["titleConvo"] = False\n', ""),
            "Without titleConvo titles are on, so a new conversation is two requests. Only false turns them off.",
        ),
        Misconception(
            BLOCK.replace('"${" + variable + "}"', '"${variable}"'),
            "Without an f in front this is the text ${variable}, and LibreChat looks for a variable that is called "
            '\'variable\'. Put the name together: "${" + variable + "}".',
        ),
        Misconception(
            "import os\n" + BLOCK.replace('"${" + variable + "}"', "os.environ[variable]"),
            "That would write the key itself into the file, if it were set here. The file says only where the key is; "
            "LibreChat looks it up.",
        ),
    ),
)


# --- who writes the titles ------------------------------------------------------------------------------------------


def _cheapest(answer: Any, world: World, provider: str, models: Sequence[str]) -> None:
    name = world.facts[provider].label
    made, keys = _terse(name)
    costs: dict[str, float] = {}
    asked: list[str] = []

    def usd(changed: Any) -> float | None:
        if not isinstance(changed, config.Config):
            missed("usd takes a configuration: what cfg.set returns.", expected="a Config", got=changed)
        request = changed.title(name, QUESTION)
        if request is None:
            missed("This configuration asks for no titles.", expected="a title's request", got="none")
        response = _send(world, request)
        model = json.loads(request.content)["model"]
        asked.append(model)
        if response.status_code != 200:
            return None
        cost = usage_usd(world.facts[provider].models[model], response.json()["usage"], world.clock)
        costs[model] = float(cost or 0)
        return costs[model]

    result = answer(made, keys, list(models), usd)
    if not asked:
        missed("Nothing was measured: call usd with a configuration.", expected="calls of usd", got="none")
    if not isinstance(result, config.Config):
        missed("Return the configuration with that title model: what cfg.set returns.", expected="a Config", got=result)
    expect(sorted(set(asked)), sorted(models), "models that were tried")
    chosen = result.endpoint(name).raw.get("titleModel")
    best = min(costs, key=lambda model: costs[model])
    if chosen != best:
        shown = ", ".join(f"{model} {cost:.7f}" for model, cost in costs.items())
        why = "" if chosen in costs else "This one did not answer. "
        missed("", expected=best, got=f"{chosen}. {why}Measured, in USD: {shown}", about="titleModel")
    expect(
        len(asked),
        len(models),
        "requests",
        why="Each call of usd is a request, and is paid for. Keep what it returned.",
    )


def _three(answer: Any, world: World) -> None:
    """Three models of Mistral's"""
    roles = ("strong", "cheap", "reasoner")
    _cheapest(answer, world, "mistral", [world.model("mistral", role) for role in roles])


def _not_by_name(answer: Any, world: World) -> None:
    """Three models of OpenAI's, the cheapest with the last name"""
    _cheapest(answer, world, "openai", [world.model("openai", role) for role in ("chat", "cheap", "strong")])


def _one_gone(answer: Any, world: World) -> None:
    """One of DeepSeek's models is retired"""
    known, now = world.facts["deepseek"], world.clock.now()
    gone = [model.id for model in known.models.values() if model.retired and model.retired < f"{now:%Y-%m-%d}"]
    _cheapest(answer, world, "deepseek", [known.model("strong").id, known.model("chat").id, gone[0]])


CHEAP = """
def cheapest(cfg, keys, models, usd):
    costs = {}
    for model in models:
        cost = usd(cfg.set((*keys, "titleModel"), model))
        if cost is not None:
            costs[model] = cost
    best = min(costs, key=costs.get)
    return cfg.set((*keys, "titleModel"), best)
"""

TITLES = Exercise(
    id="02-titles",
    title="Who writes the titles?",
    minutes=8,
    level="faded",
    prompt="""
`usd(config)` sends the title request that LibreChat would make with that configuration, and returns what it cost in
USD, or `None` when it was refused. `keys` is the endpoint's place, such as `("endpoints", "custom", 4)`. Try each of
the models as `titleModel`, once, and return the configuration with the cheapest one that works.
""",
    blank="""
def cheapest(cfg, keys, models, usd):
    costs = {}
    for model in models:
        ...
    best = ...
    return cfg.set((*keys, "titleModel"), best)
""",
    cases=(_three, _not_by_name, _one_gone),
    hints=(
        'cfg.set((*keys, "titleModel"), model) is a new configuration; hand it to usd.',
        "Keep only costs that are not None: a refused title costs nothing, and is none.",
        "min(costs, key=costs.get) is the model with the smallest cost.",
    ),
    solution=CHEAP,
    also_correct=(
        """
def cheapest(cfg, keys, models, usd):
    best, least = None, float("inf")
    for model in models:
        tried = cfg.set((*keys, "titleModel"), model)
        cost = usd(tried)
        if cost is not None and cost < least:
            best, least = tried, cost
    return best
""",
    ),
    misconceptions=(
        Misconception(
            CHEAP.replace(
                "        if cost is not None:\n            costs[model] = cost", "        costs[model] = cost or 0"
            ),
            "A refused request costs nothing, so the model that is gone looks the cheapest. It writes no title.",
        ),
        Misconception(
            CHEAP.replace("min(costs", "max(costs"),
            "That is the dearest one. The name of the second argument does not turn it round: min takes the smallest.",
        ),
        Misconception(
            CHEAP.replace(
                '    return cfg.set((*keys, "titleModel"), best)',
                '    cfg.set((*keys, "titleModel"), best)\n    return cfg',
            ),
            "cfg.set changes nothing: it returns a new configuration. You return the old one.",
        ),
        Misconception(
            CHEAP.replace('usd(cfg.set((*keys, "titleModel"), model))', "usd(cfg)"),
            "You ask for the same title each time: usd is handed the configuration without the model that you try.",
        ),
        Misconception(
            CHEAP.replace("min(costs, key=costs.get)", "min(costs)"),
            "min of a dictionary compares its keys, here the models' names, and takes the first of the alphabet. With "
            "key=costs.get it compares their costs.",
        ),
        Misconception(
            CHEAP.replace("        if cost is not None:\n    ", ""),
            "usd returns None for a title that was refused, and None cannot be compared with a number. Such a model "
            "writes no titles: leave it out.",
        ),
    ),
)


# --- a whole file ---------------------------------------------------------------------------------------------------


def _written(answer: Any, world: World) -> config.Config:
    text = answer(world.model("mistral"))
    if not isinstance(text, str):
        missed("Asked for is the file as text.", expected="a str", got=text)
    return config.loads(text)


def _starts(answer: Any, world: World) -> None:
    """LibreChat starts with it"""
    made = _written(answer, world)
    for finding in made.check():
        if finding.grade in ("schema", "start-up"):
            where = f"line {finding.line}, {finding.path}"
            missed("", expected="a file that LibreChat takes", got=_found(finding, where))
    expect([str(one.name) for one in made.specs], ["brief"], "names of the model specs")


def _briefly(answer: Any, world: World) -> None:
    """The preset goes out: temperature and instruction"""
    made = _written(answer, world)
    try:
        request = made.request(spec="brief", message=QUESTION)
    except ConfigError as error:
        missed("", expected="a request", got=str(error))
    body = _arrives(world, request)
    inside = "What a model spec sets stands in its preset, beside endpoint and model"
    expect(body.get("temperature"), 0.2, "temperature on the wire", why=f"{inside}: temperature, a number.")
    roles = [message["role"] for message in body["messages"]]
    expect(roles, ["system", "user"], "roles of the messages", why=f"{inside}. The instruction is called promptPrefix.")


def _unblemished(answer: Any, world: World) -> None:
    """The check finds nothing"""
    for finding in _written(answer, world).check():
        missed("", expected="no finding", got=f"{finding.grade}, {_found(finding, finding.path)}")


FILE = """
def written(model):
    text = '''
version: "1.3.17"
interface: {modelSelect: true, parameters: true, presets: true}
endpoints:
  custom:
    - name: "Mistral"
      apiKey: "${MISTRAL_API_KEY}"
      baseURL: "https://api.mistral.ai/v1"
      models:
        default: ["MODEL"]
      titleConvo: false
      dropParams: ["user"]
modelSpecs:
  list:
    - name: "brief"
      label: "Brief"
      preset:
        endpoint: "Mistral"
        model: "MODEL"
        temperature: 0.2
        promptPrefix: "Answer in one sentence."
'''
    return text.replace("MODEL", model)
"""

WHOLE = Exercise(
    id="02-file",
    title="A whole file, by hand",
    minutes=12,
    level="free",
    prompt="""
`written(model)` returns the text of a whole `librechat.yaml`: one endpoint, Mistral, with that one model, and one model
spec named `brief` that talks to it at temperature 0.2 and begins each conversation with an instruction of yours. With
titles or without, as you like. LibreChat starts with it, messages arrive, and the check finds **nothing**. How both
parts are written stands in the lab's own file: `print(cfg.text)`. Write the text in triple quotes with the word MODEL
in it, and return `text.replace("MODEL", model)`.
""",
    blank="""
def written(model):
    ...
""",
    cases=(_starts, _briefly, _unblemished),
    hints=(
        "In print(cfg.text) look for `endpoints`, then `custom`, and for `modelSpecs`, then `list`. `version` is "
        '"1.3.17", in quotes.',
        'config.loads(written(lab.model("mistral"))).check() in a cell of its own says what is amiss, line by line.',
        "What Mistral refuses is in section 7; what sets the instruction is called promptPrefix, and it stands in the "
        "preset, as temperature does.",
    ),
    solution=FILE,
    also_correct=(
        FILE.replace("titleConvo: false", 'titleConvo: true\n      titleModel: "MODEL"'),
        FILE.replace("interface: {modelSelect: true, parameters: true, presets: true}\n", "cache: true\n"),
    ),
    misconceptions=(
        Misconception(
            FILE.replace('      dropParams: ["user"]\n', ""),
            "LibreChat sends `user` with every message, and Mistral refuses it with a 422. Of all recipes this "
            "one line is needed.",
        ),
        Misconception(
            FILE.replace("        temperature", "      temperature").replace(
                "        promptPrefix", "      promptPrefix"
            ),
            "temperature and promptPrefix stand beside preset, not in it: two spaces too few. LibreChat ignores them "
            "without a word.",
        ),
        Misconception(
            FILE.replace("temperature: 0.2", 'temperature: "0.2"'),
            "In quotes 0.2 is a text, and temperature must be a number: LibreChat does not start.",
        ),
        Misconception(
            FILE.replace('"1.3.17"', "1.3"),
            "1.3 without quotes is a number, and version must be a text: LibreChat does not start.",
        ),
        Misconception(
            FILE.replace("promptPrefix", "systemPrompt"),
            "systemPrompt sounds right and is no key of a preset: it is ignored, and no instruction leaves. It is "
            "called promptPrefix.",
        ),
        Misconception(
            FILE.replace("      titleConvo: false\n", ""),
            "Everything works, and each new conversation sends a second request that nobody decided on: say "
            "titleConvo: false, or who writes the titles.",
        ),
    ),
)


# --- which of them are needed ---------------------------------------------------------------------------------------

WIRE = {"temperature": 0.7, "stop": ["END"], "frequency_penalty": 0.5, "presence_penalty": 0.5}


def _needed(answer: Any, world: World, provider: str, role: str, names: Sequence[str], right: Sequence[str]) -> None:
    known = world.facts[provider]
    made, place = _terse(known.label)
    keys = (*place, "dropParams")
    count = 0

    def ask(drop: Sequence[str]) -> httpx.Response:
        nonlocal count
        if isinstance(drop, str):
            missed("ask takes a list of names, even of one.", expected="a list", got=drop)
        count += 1
        changed = made.set(keys, [str(name) for name in drop])
        return _send(world, changed.request(known.label, QUESTION, model=known.model(role).id, chosen=WIRE))

    result = answer(ask, list(names))
    if not count:
        missed("You did not ask: what is needed is measured, not known.", expected="calls of ask", got="none")
    if not isinstance(result, (list, tuple, set, frozenset)):
        missed("", expected="a list of names", got=result)
    expect(sorted(map(str, result)), sorted(right), "names that are needed")
    if count > len(names) + 1:
        missed("", expected=f"at most {len(names) + 1} calls", got=f"{count} calls")


CANDIDATES = ("stop", "temperature", "user", "frequencyPenalty", "presencePenalty")


def _at_mistral(answer: Any, world: World) -> None:
    """Mistral, five names, at most 6 calls"""
    _needed(answer, world, "mistral", "chat", CANDIDATES, ["user"])


def _at_deepseek(answer: Any, world: World) -> None:
    """DeepSeek, five names, at most 6 calls"""
    _needed(answer, world, "deepseek", "chat", CANDIDATES, [])


def _at_openai(answer: Any, world: World) -> None:
    """A model of OpenAI's that thinks, five names, at most 6 calls"""
    _needed(answer, world, "openai", "reasoner", CANDIDATES, ["temperature", "frequencyPenalty", "presencePenalty"])


DROP = """
def needed(ask, names):
    drop = list(names)
    for name in names:
        fewer = [one for one in drop if one != name]
        if ask(fewer).status_code == 200:
            drop = fewer
    return drop
"""

NEEDED = Exercise(
    id="02-drop",
    title="No name too many",
    minutes=12,
    level="free",
    prompt="""
Somebody's endpoint drops five fields, and with all five dropped it works. Which of them are needed? `ask(drop)` sends a
message with `dropParams: drop` and returns the response; the user has set everything that there is to set. Write
`needed(ask, names)`, which returns the shortest list with which messages still arrive. You have **one call more
than there are names**, so not every combination can be tried.
""",
    blank="""
def needed(ask, names):
    ...
""",
    cases=(_at_mistral, _at_deepseek, _at_openai),
    hints=(
        "Start from what works, all names dropped, and take one name off the list. What does the status tell you?",
        "Still 200: that name was superstition. Refused: it is needed, and stays.",
        "fewer = [one for one in drop if one != name], and ask(fewer).status_code.",
    ),
    solution=DROP,
    also_correct=(
        """
def needed(ask, names):
    found = []
    for name in names:
        if ask([one for one in names if one != name]).status_code >= 400:
            found.append(name)
    return found
""",
        """
def needed(ask, names):
    return {name for name in names if not ask(set(names) - {name}).is_success}
""",
    ),
    misconceptions=(
        Misconception(
            DROP.replace("== 200", "!= 200"),
            "The wrong way round: when it still works without a name on the list, that name can go.",
        ),
        Misconception(
            """
def needed(ask, names):
    drop = []
    for name in names:
        if ask(drop).status_code == 200:
            break
        drop.append(name)
    return drop
""",
            "You add names until it works, and keep every name that came before the right one. That is how "
            "superstition "
            "begins: start from the full list and take names off.",
        ),
        Misconception(
            """
def needed(ask, names):
    return [name for name in names if ask([name]).status_code == 200]
""",
            "You drop one name alone. That works only where exactly one is needed, and where none is, "
            "every name seems to help.",
        ),
        Misconception(
            """
from itertools import combinations


def needed(ask, names):
    for size in range(len(names) + 1):
        for drop in combinations(names, size):
            if ask(list(drop)).status_code == 200:
                return list(drop)
""",
            "Every subset in turn: right in the end, after more calls than you have. The number of subsets doubles "
            "with "
            "each name; the names can be judged one by one.",
        ),
        Misconception(
            """
def needed(ask, names):
    return [name for name in names if ask([one for one in names if one != name])]
""",
            "A response of httpx counts as true whatever its status is. Ask for the status: "
            "ask(...).status_code == 200.",
        ),
        Misconception(
            """
def needed(ask, names):
    drop = []
    while True:
        answer = ask(drop)
        if answer.status_code == 200:
            return drop
        drop += [name for name in names if name in answer.text and name not in drop]
""",
            "You look for the name in the refusal, and a provider speaks of frequency_penalty, not of "
            "frequencyPenalty. Where it is not found, you ask the same again for ever. The status alone is enough.",
        ),
    ),
    most_calls=40,
)

EXERCISES: tuple[Exercise, ...] = (MENDED, REACH, TITLES, WHOLE, NEEDED)
