"""Mystery cases m19 to m22: files that LibreChat takes, and fields of whose requests the provider does not."""

from __future__ import annotations

from labkit.exercises import Exercise, expect
from labkit.exercises.mending import broken_config, endpoint_file, groq_file, needs


def _mistral(*lines: str) -> str:
    return endpoint_file("Mistral", "MISTRAL_API_KEY", "https://api.mistral.ai/v1", *lines)


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
            "user is still sent. Either dropParams names another field (the refusal says which: user), or it does not "
            "stand where an endpoint's keys stand: in the column of name and models.",
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
            _mistral('dropParams: ["user"]', "addParams:", "  safe_prompt: false"),
            "The name is right, and the instruction is off. It has to stay on, as it was: true.",
        ),
        (
            _mistral('dropParams: ["user"]', "customParams:", "  safe_prompt: true"),
            "customParams says how the panel looks, and knows only a few keys. What goes into the body stands below "
            "addParams.",
        ),
    ),
)


def _reasoning(*lines: str) -> str:
    return endpoint_file("Reasoner", "OPENAI_API_KEY", "https://api.openai.com/v1", *lines)


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
    broken=groq_file("dropParams: []"),
    mended=groq_file("addParams:", "  top_p: 0.5"),
    also=(groq_file("addParams: {top_p: 0.5}"),),
    keeps=lambda body, world: needs(body, top_p=0.5),
    hints=(
        "What stands below addParams goes into the body as it is.",
        "addParams:, and below it, indented, top_p: 0.5.",
    ),
    wrong=(
        (
            groq_file("top_p: 0.5"),
            "An endpoint has no such key: LibreChat ignores it. What is to go into the body stands below addParams.",
        ),
        (
            groq_file("addParams:", '  top_p: "0.5"'),
            "In quotes it is a text, and the provider asks for a number.",
        ),
        (
            groq_file("addParams:", "  top_p: 50"),
            "50 is no share: top_p is a number between 0 and 1, and 0.5 was wanted.",
        ),
        (
            groq_file("addParams:", "  topp: 0.5"),
            "The provider's name for it is top_p, and other names it refuses.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (DROP_USER, SAFE_PROMPT, DROP_PENALTY, TOP_P)
