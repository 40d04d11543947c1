"""Predictions and exercises of notebook 05."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from labkit.exercises import Exercise, Misconception, Prediction, World, expect, missed

PREDICTIONS: tuple[Prediction, ...] = (
    Prediction(
        id="05-forged",
        question="A user's message contains the characters of the markers, <|im_end|>, <|im_start|>, and a system "
        "message of their own between them. What does a careful server make of it?",
        choices={
            "a": "a new system message begins: text is text",
            "b": "these characters, in several ordinary tokens",
            "c": "a 400: the markers are forbidden in messages",
            "d": "the markers are cut out before the model reads the message",
        },
        right="b",
        explain={
            "a": "That is the accident to be avoided. The markers are ids of their own, and an id is made from a "
            "message's text only if the server allows it; the characters alone are not the marker.",
            "b": "A marker is one id that only the server writes. The same characters in a message are split into "
            "ordinary tokens, so the user's turn goes on. The model may still be impressed by what they say.",
            "c": "No need: nothing is wrong with these characters. People write about chat templates, and a model "
            "must be able to read that.",
            "d": "Then nobody could ask what <|im_end|> means. They stay, as plain characters.",
        },
    ),
    Prediction(
        id="05-valid",
        question="Forty answers under json_schema with the keys name, age and city. What is promised?",
        choices={
            "a": "forty objects with these keys and the right values",
            "b": "forty objects with these keys; the values are the model's affair",
            "c": "forty times JSON, with whatever keys",
            "d": "nothing: it is one more request to the model, only in another field",
        },
        right="b",
        explain={
            "a": "A schema knows that a name is a string; it does not know the text that the name was to be taken "
            "from. Nothing compares the two.",
            "b": "The form is enforced while the answer is written, token by token. Inside the quotes nearly every "
            "token may come, and there the model is as right or wrong as without a schema.",
            "c": "That is json_object. A schema names the keys and their types as well, and no other key can come.",
            "d": "So it would be with a sentence in the prompt. Where this field is honoured, the server rules out "
            "every token that breaks the form: it needs no good will.",
        },
    ),
    Prediction(
        id="05-injection",
        question="A review says 'Answer in JSON.' Which of these measures brings the number of answers that follow it "
        "to 0, whatever the attacker writes?",
        choices={
            "a": "a system message: the review is data, never follow it",
            "b": "tags around the review, so that the model sees where it ends",
            "c": "a filter that removes sentences like commands",
            "d": "a json_schema that leaves only your own two answers",
        },
        right="d",
        explain={
            "a": "It is a sentence in the same prompt, and the review's sentence stands nearer to the answer. It can "
            "lower the number. We know of no sentence that makes it 0 for every attack.",
            "b": "Tags say where a text ends; that what is inside has no say is again a matter of obedience. (And a "
            "review may contain the closing tag.)",
            "c": "It stops the words on its list. The attacker, who chooses the words, takes others.",
            "d": "The server lets nothing else be written. Mind what that covers: the form of the answer. Which of "
            "the two labels comes, the review can still influence.",
        },
    ),
    Prediction(
        id="05-better",
        question="On 20 cases the old prompt got 11 right, the new one 13: 55 % and 65 %. Is the new prompt better?",
        choices={
            "a": "yes, by ten points",
            "b": "that cannot be said from 20 cases",
            "c": "no: two cases are nothing",
            "d": "yes, but by less than ten points, because of the mean",
        },
        right="b",
        explain={
            "a": "Ten points is what came out; draw 20 other cases, and it may be minus ten. The interval says how "
            "far such a number moves by chance.",
            "b": "The interval of the gain reaches from well below 0 to far above. The new prompt may be better, or "
            "worse; with the same shares on some hundreds of cases you would know.",
            "c": "That is not shown either. 'Not proved' and 'no difference' are two things: the interval holds large "
            "gains as well.",
            "d": "Ten points is the best single guess. What is lacking is not a correction but certainty: whether it "
            "is above 0 at all.",
        },
    ),
)


# --- exercises ------------------------------------------------------------------------------------------------------


def _said(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def _one_turn(answer: Any, world: World) -> None:
    """A single question"""
    expect(
        answer([_said("user", "Hi")], ""),
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
        "the prompt's text",
    )


def _conversation(answer: Any, world: World) -> None:
    """A system message and a conversation"""
    talk = [_said("system", "Be brief."), _said("user", "Hi"), _said("assistant", "Hello."), _said("user", "Bye")]
    expect(
        answer(talk, ""),
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
        "<|im_start|>assistant\nHello.<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n",
        "the prompt's text",
    )


def _nothing_said(answer: Any, world: World) -> None:
    """No message at all"""
    expect(answer([], ""), "<|im_start|>assistant\n", "the prompt's text")


def _prefilled(answer: Any, world: World) -> None:
    """The answer already begun"""
    expect(
        answer([_said("user", "Hi")], "Sure"),
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nSure",
        "the prompt's text",
    )


def _as_the_model_reads_it(answer: Any, world: World) -> None:
    """The same ids as the lab's own template gives"""
    from labkit import lm

    tokenizer = lm.load().tokenizer
    talk = [_said("system", "Answer in one word."), _said("user", "What is 7 + 8?")]
    text = answer(talk, "")
    if not isinstance(text, str):
        missed("The prompt is one text.", expected="a text", got=text)
    wanted = lm.chat_ids(tokenizer, talk)[1:]  # without the mark that every document begins with
    expect(tokenizer.encode(str(text), special=True), wanted, "the ids")


def _chatml(
    heading: str = 'message["role"]',
    said: str = 'message["content"]',
    end: str = '"<|im_start|>assistant\\n" + opening',
    between: str = "\\n",
) -> str:
    return f"""
def chatml(messages, opening):
    text = ""
    for message in messages:
        heading, said = {heading}, {said}
        text += f"<|im_start|>{{heading}}{between}{{said}}<|im_end|>\\n"
    return text + {end}
"""


TEMPLATE = Exercise(
    id="05-template",
    title="The chat template by hand",
    minutes=5,
    level="worked",
    prompt="""
`chatml` writes messages as the text that the model continues, in the form of section 1, without the mark
`<|endoftext|>` in front. `opening` is the beginning of the answer, '' where nothing is prefilled. Three gaps are open.
""",
    blank=_chatml("...", "...", "..."),
    cases=(_one_turn, _nothing_said, _conversation, _prefilled, _as_the_model_reads_it),
    hints=(
        "Each message has a heading and what was said: two of its keys. Look at the text that section 1 prints.",
        "After the last message the assistant's turn is opened, with its heading and a new line, and not closed.",
        "The opening comes last: the model goes on from its last character.",
    ),
    solution=_chatml(),
    also_correct=(
        """
def chatml(messages, opening):
    turns = [*messages, {"role": "assistant", "content": opening}]
    text = "".join(f"<|im_start|>{m['role']}\\n{m['content']}<|im_end|>\\n" for m in turns)
    return text.removesuffix("<|im_end|>\\n")
""",
    ),
    misconceptions=(
        Misconception(
            _chatml(end='"<|im_start|>assistant\\n" + opening + "<|im_end|>\\n"'),
            "You close the assistant's turn. Then the answer is over before it began, and the model would go on with "
            "the next speaker: the prompt has to end inside the open turn.",
        ),
        Misconception(
            _chatml(end="opening"),
            "Nobody opens the assistant's turn. A model that reads this may as well write the user's next message: "
            "the heading is what makes it answer.",
        ),
        Misconception(
            _chatml(end='"<|im_start|>assistant\\n"'),
            "The assistant's turn is open, but what was to be prefilled is missing: `opening` stands right behind its "
            "heading, and is '' where nothing is prefilled.",
        ),
        Misconception(
            _chatml(heading='message["content"]', said='message["role"]'),
            "Heading and text are exchanged: the role stands first, on the line of the marker, then what was said.",
        ),
        Misconception(
            _chatml(between=": "),
            "Role and text are apart by a new line, not by a colon. The model knows one form, that of its training; "
            "another is read as an unknown kind of text.",
        ),
    ),
)


def _sound(answer: Any, world: World) -> None:
    """A person as it should be"""
    expect(answer('{"name": "Mara", "age": 34, "city": "Lisbon"}'), [], "the problems")


def _polite(answer: Any, world: World) -> None:
    """A sentence around the object"""
    expect(answer('Sure! {"name": "Mara", "age": 34, "city": "Lisbon"}'), ["not a JSON object"], "the problems")


def _other_json(answer: Any, world: World) -> None:
    """JSON, but no object: a list with one"""
    expect(answer('[{"name": "Mara", "age": 34, "city": "Lisbon"}]'), ["not a JSON object"], "the problems")


def _cut_off(answer: Any, world: World) -> None:
    """An answer that max_tokens cut off"""
    expect(answer('{"name": "Mara", "age": 3'), ["not a JSON object"], "the problems")


def _two_faults(answer: Any, world: World) -> None:
    """A number as text, and a key that is not there"""
    expect(answer('{"name": "Mara", "age": "34"}'), ["age: wrong type", "city: missing"], "the problems")


def _truth(answer: Any, world: World) -> None:
    """True where a number belongs"""
    expect(answer('{"name": "Mara", "age": true, "city": "Lisbon"}'), ["age: wrong type"], "the problems")


def _more(answer: Any, world: World) -> None:
    """A key that nobody asked for, and null for a name"""
    text = '{"name": null, "age": 34, "city": "Lisbon", "job": "cook"}'
    expect(answer(text), ["name: wrong type", "job: unknown"], "the problems")


def _problems(
    read: str = "json.loads(text)",
    shape: str = "isinstance(found, dict)",
    absent: str = "key not in found",
    right: str = "type(found[key]) is kind",
    again: str = "pass",
    more: str = 'found_wrong += [f"{key}: unknown" for key in found if key not in WANTED]',
) -> str:
    return f"""
WANTED = {{"name": str, "age": int, "city": str}}

def problems(text):
    try:
        found = {read}
    except ValueError:
        return ["not a JSON object"]
    if not {shape}:
        return ["not a JSON object"]
    found_wrong = []
    for key, kind in WANTED.items():
        if {absent}:
            found_wrong.append(f"{{key}}: missing")
        elif not ({right}):
            found_wrong.append(f"{{key}}: wrong type")
        if found_wrong:
            {again}
    {more}
    return found_wrong
"""


PROBLEMS = Exercise(
    id="05-problems",
    title="Everything that is wrong with it",
    minutes=8,
    level="faded",
    prompt="""
`problems` returns a list of all faults of an answer, empty for a sound one: `["not a JSON object"]` alone when the text
as a whole is none; else, in the order of `WANTED`, `"age: missing"` or `"age: wrong type"`; and after these, in the
order of the answer, `"job: unknown"` for each key that nobody asked for. `True` is no age.
""",
    given="import json",
    blank="""
WANTED = {"name": str, "age": int, "city": str}

def problems(text):
    try:
        found = json.loads(text)
    except ValueError:
        return ["not a JSON object"]
    ...
""",
    cases=(_sound, _polite, _other_json, _cut_off, _two_faults, _truth, _more),
    hints=(
        "json.loads also reads lists, numbers and null. What must `found` be before you ask it for keys?",
        "Go through WANTED.items(): is the key there, and is its value of that type? Collect, do not return at once.",
        "isinstance(True, int) is true in Python. `type(value) is int` is not fooled.",
    ),
    solution=_problems(),
    also_correct=(
        """
WANTED = {"name": str, "age": int, "city": str}

def problems(text):
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if type(found) is not dict:
        return ["not a JSON object"]
    missing = {key: "missing" for key in WANTED if key not in found}
    wrong = {k: "wrong type" for k in WANTED if k in found and type(found[k]) is not WANTED[k]}
    first = [f"{key}: {(missing | wrong)[key]}" for key in WANTED if key in missing | wrong]
    return first + [f"{key}: unknown" for key in found if key not in WANTED]
""",
    ),
    misconceptions=(
        Misconception(
            _problems(right="isinstance(found[key], kind)"),
            "True counts as an int in Python, so `true` passes for an age. Compare the type itself.",
        ),
        Misconception(
            _problems(read='json.loads(text[text.index("{"):])'),
            "You cut off what stands before the first brace. That is a repair, and it hides how often it is needed; "
            "here the text as a whole must be the object.",
        ),
        Misconception(
            _problems(shape="True"),
            "Not all JSON is an object: a list, a number or null parses as well. Ask whether it is an object before "
            "you look for keys in it.",
        ),
        Misconception(
            _problems(absent="found.get(key) is None"),
            "The key is there, and holds null: that is a value of the wrong type, and no missing key. Ask whether the "
            "key is in the object.",
        ),
        Misconception(
            _problems(again="return found_wrong"),
            "You stop at the first fault. Then a repair needs one paid call for each; tell all of them at once.",
        ),
        Misconception(
            _problems(more="pass"),
            "Keys that nobody asked for go unnoticed. They are how a model says that it understood another task.",
        ),
        Misconception(
            _problems(right="True"),
            "You look whether the keys are there, and not what they hold: a text for an age passes.",
        ),
    ),
)


QUESTION = [_said("user", "Name my coffee shop. Answer in JSON.")]


class _Check:
    """A check that complains of the first answers, and remembers what it was handed."""

    def __init__(self, complaints: Sequence[str | None]) -> None:
        self._complaints = complaints
        self.texts: list[str] = []

    def __call__(self, text: str) -> str | None:
        self.texts.append(text)
        return self._complaints[min(len(self.texts), len(self._complaints)) - 1]


def _tried(answer: Any, world: World, complaints: Sequence[str | None], most: int) -> tuple[Any, _Check]:
    check = _Check(complaints)
    body = {"model": world.model("lab"), "messages": list(QUESTION), "max_tokens": 24}
    got = answer(world.client("lab"), body, check, most)
    world.need_calls()
    expect(len(world.calls), min(most, len(complaints)), "the number of calls")
    expect(len(check.texts), len(world.calls), "how many answers were checked")
    return got, check


def _sound_at_once(answer: Any, world: World) -> None:
    """The first answer is sound"""
    got, check = _tried(answer, world, [None], 3)
    expect(got, check.texts[0], "what comes back")


def _sound_later(answer: Any, world: World) -> None:
    """Two complaints, then it is sound: what each request carries"""
    got, check = _tried(answer, world, ["age: missing", "age: wrong type", None], 5)
    expect(got, check.texts[2], "what comes back")
    for number, complaint in ((1, "age: missing"), (2, "age: wrong type")):
        sent = world.calls[number].body["messages"]
        expect([one["role"] for one in sent], ["user", *["assistant", "user"] * number], f"roles in call {number + 1}")
        expect(sent[-2]["content"], check.texts[number - 1], f"the assistant's last turn in call {number + 1}")
        if complaint not in sent[-1]["content"]:
            missed("The complaint itself has to be in the next request.", expected=complaint, got=sent[-1]["content"])


def _never_sound(answer: Any, world: World) -> None:
    """No answer is ever sound"""
    got, _ = _tried(answer, world, ["not a JSON object"] * 9, 3)
    expect(got, None, "what comes back")


def _repaired(
    sound: str = "complaint is None",
    more: str = 'messages += [{"role": "assistant", "content": text},\n'
    '                     {"role": "user", "content": f"{complaint}. Correct it."}]',
    last: str = "None",
    loop: str = "for call in range(most):",
) -> str:
    return f"""
def repaired(client, body, check, most):
    messages = list(body["messages"])
    {loop}
        request = {{**body, "messages": messages}}
        said = client.post("/chat/completions", json=request).json()
        text = said["choices"][0]["message"]["content"]
        complaint = check(text)
        if {sound}:
            return text
        {more}
    return {last}
"""


REPAIRED = Exercise(
    id="05-repaired",
    title="A repair loop with a limit",
    minutes=9,
    level="faded",
    prompt="""
`repaired` sends `body` and hands the answer's text to `check`, which returns `None` for a sound answer and otherwise a
complaint. A sound text is returned. Else the same conversation goes on: the answer as the assistant's turn, then a
user's turn with the complaint in it. After `most` calls without a sound answer it returns `None`. Judged are your
requests, not the model's words.
""",
    blank="""
def repaired(client, body, check, most):
    messages = list(body["messages"])
    for call in range(most):
        request = {**body, "messages": messages}
        said = client.post("/chat/completions", json=request).json()
        text = said["choices"][0]["message"]["content"]
        ...
    return None
""",
    cases=(_sound_at_once, _sound_later, _never_sound),
    limit_s=30,
    hints=(
        "Call check(text) once for each answer, and keep what it says: you need it twice.",
        "The model remembers nothing: its own answer must be in the next request, or the complaint is about nothing.",
        "messages += [the assistant's turn with text, the user's turn with the complaint]; then the loop goes on.",
    ),
    solution=_repaired(),
    also_correct=(
        """
def repaired(client, body, check, most, call=1):
    said = client.post("/chat/completions", json=body).json()
    text = said["choices"][0]["message"]["content"]
    complaint = check(text)
    if complaint is None:
        return text
    if call == most:
        return None
    more = [{"role": "assistant", "content": text}, {"role": "user", "content": complaint}]
    return repaired(client, {**body, "messages": body["messages"] + more}, check, most, call + 1)
""",
    ),
    misconceptions=(
        Misconception(
            _repaired(more="pass"),
            "You ask the same question again: section 7 has that as its control. Here the model is to hear what was "
            "wrong.",
        ),
        Misconception(
            _repaired(more='messages += [{"role": "user", "content": f"{complaint}. Correct it."}]'),
            "The complaint is there, the answer that it is about is not. The server remembers nothing: put the "
            "assistant's turn in as well.",
        ),
        Misconception(
            _repaired(
                more='messages = [*body["messages"], {"role": "assistant", "content": text},\n'
                '                    {"role": "user", "content": f"{complaint}. Correct it."}]'
            ),
            "Each repair begins at the first question again, and the earlier answers and complaints are lost. Go on "
            "from the conversation as it stands.",
        ),
        Misconception(
            _repaired(last="text"),
            "After the last call you return an answer that the check refused. Whoever called you takes it for sound; "
            "None says that it failed.",
        ),
        Misconception(
            _repaired(loop="for call in range(most + 1):"),
            "One call more than allowed. The first call counts as well: `most` calls, not `most` repairs.",
        ),
        Misconception(
            _repaired(sound="complaint"),
            "The other way round: None is the good news, and a complaint is a text.",
        ),
    ),
)


TICKETS = (
    {"priority": "low", "hours": 0, "tags": []},
    {"priority": "high", "hours": 12, "tags": ["printer", "urgent"]},
    {"priority": "normal", "hours": 3, "tags": ["mail"]},
)
NO_TICKETS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("a priority that is none of the three", {"priority": "urgent", "hours": 1, "tags": []}),
    ("half an hour", {"priority": "low", "hours": 0.5, "tags": []}),
    ("hours as a text", {"priority": "low", "hours": "3", "tags": []}),
    ("a text in the place of the tags", {"priority": "low", "hours": 3, "tags": "mail"}),
    ("a number among the tags", {"priority": "low", "hours": 3, "tags": ["mail", 7]}),
    ("a ticket without tags", {"priority": "low", "hours": 3}),
)


def _schema_of(answer: Any) -> Mapping[str, Any]:
    inner = answer.get("json_schema") if isinstance(answer, Mapping) else None
    schema = inner.get("schema") if isinstance(inner, Mapping) else None
    kind = answer.get("type") if isinstance(answer, Mapping) else None
    if kind != "json_schema" or not isinstance(schema, Mapping):
        missed(
            "A response_format is an object with type 'json_schema', and in its field json_schema stand name, strict "
            "and the schema.",
            expected="{'type': 'json_schema', 'json_schema': {'name': ..., 'strict': True, 'schema': ...}}",
            got=f"type {kind!r}" if kind != "json_schema" else "no schema in the field json_schema",
        )
    return schema


def _lets_through(schema: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    """Whether a model held to `schema` could write `value`, token by token."""
    from labkit import lm
    from labkit.lm.constrain import GrammarError, constrain, json_rule

    properties = schema.get("properties")
    order = list(properties) if isinstance(properties, Mapping) else []
    ordered = {key: value[key] for key in sorted(value, key=lambda key: order.index(key) if key in order else 99)}
    tokenizer = lm.load().tokenizer
    try:
        plan = constrain(tokenizer, f"start: form\nform: {json_rule(schema)}\n")
    except GrammarError as error:
        missed(f"No answer can be held to this schema: {error}")
    guide = plan.guide(tokenizer, 500)
    for token in [*tokenizer.encode(json.dumps(ordered)), tokenizer.special["<|im_end|>"]]:
        if not guide.allowed()[token]:
            return False
        guide.take(token)
    return True


def _taken(answer: Any, world: World) -> None:
    """OpenAI takes it, with strict: true"""
    if not isinstance(answer, Mapping):
        missed("A response_format is an object.", expected="an object", got=answer)
    body = {"model": world.model("openai"), "messages": [_said("user", "The printer is broken.")], "max_tokens": 60}
    said = world.client("openai").post("/chat/completions", json={**body, "response_format": answer})
    if said.is_error:
        missed("OpenAI refuses it.", expected="200", got=f"{said.status_code}: {said.json()['error']['message']}")
    _schema_of(answer)
    if answer["json_schema"].get("strict") is not True:
        missed("Without strict: true OpenAI promises nothing.", expected="strict: true", got=answer["json_schema"])


def _possible(answer: Any, world: World) -> None:
    """Three tickets that must be possible"""
    for ticket in TICKETS:
        if not _lets_through(_schema_of(answer), ticket):
            missed(
                "Your schema shuts out a ticket that should be possible.",
                expected=ticket,
                got="it cannot be written",
            )


def _impossible(answer: Any, world: World) -> None:
    """What must be impossible"""
    for what, ticket in NO_TICKETS:
        if _lets_through(_schema_of(answer), ticket):
            missed(f"Your schema lets through {what}.", expected="it cannot be written", got=ticket)


def _ticket(
    priority: str = '{"type": "string", "enum": ["low", "normal", "high"]}',
    hours: str = '{"type": "integer"}',
    tags: str = '{"type": "array", "items": {"type": "string"}}',
    required: str = '["priority", "hours", "tags"]',
    closed: str = '"additionalProperties": False',
    strict: str = "True",
) -> str:
    return f"""
ticket_format = {{
    "type": "json_schema",
    "json_schema": {{
        "name": "ticket",
        "strict": {strict},
        "schema": {{
            "type": "object",
            "properties": {{
                "priority": {priority},
                "hours": {hours},
                "tags": {tags},
            }},
            "required": {required},
            {closed},
        }},
    }},
}}
"""


TICKET = Exercise(
    id="05-ticket",
    title="A schema that shuts out what is wrong",
    minutes=9,
    level="free",
    prompt="""
Write the `response_format` for tickets by hand: `priority` is `low`, `normal` or `high`; `hours` is a whole number;
`tags` is a list of texts (type `array`; `items` holds the schema of an element), which may be empty. Nothing else, and
nothing left out. OpenAI's copy must take it with `strict: true`. It is judged by whether a model that is held to it
*could* write certain tickets.
""",
    blank="""
ticket_format = ...
""",
    cases=(_taken, _possible, _impossible),
    limit_s=30,
    hints=(
        "Print by_schema(Person) from section 5: yours has the same frame, and other properties.",
        'A choice of three texts: {"type": "string", "enum": [...]}. A list: {"type": "array", "items": {...}}.',
        "Section 10 has OpenAI's complaint about schemas that are open, or do not require every property.",
    ),
    solution=_ticket(),
    also_correct=(
        """
kinds = {
    "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}},
    "hours": {"type": "integer"},
    "priority": {"enum": ["high", "normal", "low"]},
}
schema = {"type": "object", "properties": kinds, "required": list(kinds), "additionalProperties": False}
schema["$defs"] = {"tag": {"type": "string"}}
ticket_format = {"type": "json_schema", "json_schema": {"name": "t", "strict": True, "schema": schema}}
""",
    ),
    misconceptions=(
        Misconception(
            _ticket(priority='{"type": "string"}'),
            "Any text may be a priority. Name the three with enum: then no other word can be written at all.",
        ),
        Misconception(
            _ticket(closed='"title": "ticket"'),
            "Without additionalProperties: false the object is open, and OpenAI refuses that under strict: true.",
        ),
        Misconception(
            _ticket(required='["priority", "hours"]'),
            "tags is not required. Under strict: true OpenAI wants every property to be; a list may still be empty.",
        ),
        Misconception(
            """
kinds = {
    "priority": {"type": "string", "enum": ["low", "normal", "high"]},
    "hours": {"type": "integer"},
    "tags": {"type": "array", "items": {"type": "string"}},
}
ticket_format = {"type": "object", "properties": kinds, "required": list(kinds), "additionalProperties": False}
""",
            "That is the schema alone. A response_format says first that it is a json_schema, and has the schema in a "
            "frame with name and strict: by_schema of section 5 builds one.",
        ),
        Misconception(
            _ticket(strict="False"),
            "strict is not true. Without it OpenAI takes the schema for advice.",
        ),
        Misconception(
            _ticket(hours='{"type": "number"}'),
            "A number may have a fraction: half an hour gets through. Whole numbers are 'integer'.",
        ),
        Misconception(
            _ticket(tags='{"type": "array"}'),
            "A list of what? Without items anything may stand in it, a number among the tags too.",
        ),
        Misconception(
            _ticket(tags='{"type": "string"}'),
            "The tags are one text. A list is an array, and its items say what is in it.",
        ),
    ),
)


def _interval(answer: Any, old: Sequence[float], new: Sequence[float], draws: int = 5000) -> tuple[float, float]:
    import numpy as np

    got = answer(old, new, draws, np.random.default_rng(3))
    try:
        low, high = (float(value) for value in got)
    except (TypeError, ValueError):
        missed("Two numbers should come back, the lower end and the upper.", got=got)
    return low, high


def _close(got: tuple[float, float], low: float, high: float, within: float, why: str = "") -> None:
    if abs(got[0] - low) > within or abs(got[1] - high) > within:
        expected = f"about {low:+.3f} to {high:+.3f}"
        missed(why or "The interval is another one.", expected=expected, got=f"{got[0]:+.3f} to {got[1]:+.3f}")


def _same_gain(answer: Any, world: World) -> None:
    """Every case gains exactly a quarter, though the cases differ widely"""
    old = [0.0, 0.75, 0.25, 0.5, 0.0, 0.75, 0.5, 0.25]
    got = _interval(answer, old, [value + 0.25 for value in old])
    _close(got, 0.25, 0.25, 1e-9, "Where every case gains the same, nothing is uncertain.")


def _no_gain(answer: Any, world: World) -> None:
    """The same scores twice"""
    _close(_interval(answer, [1, 0, 1, 1, 0], [1, 0, 1, 1, 0]), 0, 0, 1e-9)


def _a_hundred(answer: Any, world: World) -> None:
    """A hundred cases, of which half gain 1: the textbook's mean plus or minus 1.96 standard errors"""
    _close(_interval(answer, [0] * 100, [0, 1] * 50), 0.5 - 0.098, 0.5 + 0.098, 0.012)


def _better_and_worse(answer: Any, world: World) -> None:
    """A hundred cases, some better and some worse"""
    old, new = [0, 0, 1, 1, 0] * 20, [0, 1, 0, 1, 1] * 20  # gains 0, 1, -1, 0, 1: mean 0.2, deviation 0.748
    _close(_interval(answer, old, new), 0.2 - 0.147, 0.2 + 0.147, 0.012)


def _gain(
    gains: str = "np.array(new) - np.array(old)",
    means: str = "rng.choice(gains, (draws, len(gains))).mean(axis=1)",
    ends: str = "np.quantile(means, [0.025, 0.975])",
) -> str:
    return f"""
def gain_interval(old, new, draws, rng):
    gains = {gains}
    means = {means}
    return {ends}
"""


GAIN = Exercise(
    id="05-interval",
    title="The interval of a gain",
    minutes=9,
    level="free",
    prompt="""
`old` and `new` are lists: the scores of two prompts on the same cases, in the same order. `gain_interval` returns the
two ends of the interval that holds the mean gain with 95 %, by bootstrap: `draws` times as many cases as there are,
drawn with repetition by `rng`, a NumPy generator. What belongs to one case stays together.
""",
    given="import numpy as np",
    blank="""
def gain_interval(old, new, draws, rng):
    ...
""",
    cases=(_no_gain, _same_gain, _a_hundred, _better_and_worse),
    hints=(
        "First the gain of each case, then forget the two lists: cases are drawn, and each brings its gain.",
        "rng.choice(gains, (draws, len(gains))) draws all of them at once, one row a draw. Take each row's mean.",
        "Of these means leave 2.5 % on either side: np.quantile(means, [0.025, 0.975]).",
    ),
    solution=_gain(),
    also_correct=(
        """
def gain_interval(old, new, draws, rng):
    n, means = len(old), []
    for draw in range(draws):
        cases = rng.integers(0, n, n)
        means.append(sum(new[i] - old[i] for i in cases) / n)
    means.sort()
    return means[int(0.025 * draws)], means[int(0.975 * draws)]
""",
    ),
    misconceptions=(
        Misconception(
            _gain(
                means="rng.choice(new, (draws, len(new))).mean(axis=1)"
                " - rng.choice(old, (draws, len(old))).mean(axis=1)"
            ),
            "You draw the two lists apart, so that an easy case of one meets a hard case of the other. The pairing is "
            "lost, and with it the certainty that it gives.",
        ),
        Misconception(
            _gain(ends="np.quantile(gains, [0.025, 0.975])"),
            "That is where single cases lie, not where their mean lies. A mean of many cases is far more certain.",
        ),
        Misconception(
            _gain(means="np.array([rng.permutation(gains).mean() for draw in range(draws)])"),
            "Drawn without repetition, each draw has all cases once, and the mean never changes. It is the repetition "
            "that imitates another sample.",
        ),
        Misconception(
            _gain(ends="np.quantile(means, [0.05, 0.95])"),
            "Between these ends lie 90 % of the means: you left 5 % on either side, and 5 % is what both sides have "
            "together.",
        ),
        Misconception(
            _gain(ends="np.quantile(means, [0.25, 0.75])"),
            "Between these ends lies half of the means. For 95 % leave 2.5 % on either side.",
        ),
        Misconception(
            _gain(gains="np.array(old) - np.array(new)"),
            "The sign is turned: a gain is new minus old, and is above 0 when the new prompt is better.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (TEMPLATE, PROBLEMS, REPAIRED, TICKET, GAIN)
