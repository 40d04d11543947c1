"""Mystery cases m13 to m18: a librechat.yaml that LibreChat refuses, or drops an endpoint of without a word."""

from __future__ import annotations

from labkit.exercises import Exercise, expect
from labkit.exercises.mending import broken_config, endpoint_file


def _groq(models: str = '        default: ["MODEL"]', *, key: str = "${GROQ_API_KEY}", more: str = "") -> str:
    listed = f"      models:\n{models}\n" if models else ""
    return f"""
version: "1.3.17"
{more}endpoints:
  custom:
    - name: "Groq"
      apiKey: "{key}"
      baseURL: "https://api.groq.com/openai/v1"
{listed}"""


A_TEXT = broken_config(
    "m13",
    "Expected array, received string",
    source="danny-avila/librechat.ai/issues/414",
    endpoint="Groq",
    provider="groq",
    report="""
LibreChat does not start: `invalid_type … path [endpoints, custom, 0, models, default] Expected array, received string`.
Only one model is wanted.
""",
    broken=_groq('        default: "MODEL"'),
    mended=_groq(),
    also=(_groq('        default:\n          - "MODEL"'),),
    hints=(
        "The path leads to the place: the first endpoint (0), its models, default. What stands there, and what should?",
        "A list with one entry is a list: in brackets, or a line below with a dash.",
    ),
    wrong=(
        (
            _groq("        fetch: false"),
            "The file is valid now, and the endpoint has no model: LibreChat drops it without a word.",
        ),
        (
            _groq("        default: []"),
            "It is a list now, but an empty one: at least one model has to stand in it.",
        ),
        (
            _groq("        default:\n          model: MODEL"),
            "That is a mapping, a key with a value. Asked for is a list: a dash before the entry.",
        ),
        (
            _groq("        default: MODEL"),
            "With quotes or without, it is one text. Brackets around it or a dash before it make a list of it.",
        ),
        (
            _groq('        default: "[MODEL]"'),
            'Within the quotes the brackets belong to the text. They stand outside: ["…"].',
        ),
    ),
)

NO_LIST = broken_config(
    "m14",
    "Nothing below custom",
    source="danny-avila/LibreChat/issues/2436",
    endpoint="Groq",
    provider="groq",
    report="""
Somebody tidied up a file with one endpoint, and LibreChat no longer starts: `Expected array` at `endpoints.custom`. All
lines are there; look at where they begin.
""",
    broken="""
version: "1.3.17"
endpoints:
  custom:
  name: "Groq"
  apiKey: "${GROQ_API_KEY}"
  baseURL: "https://api.groq.com/openai/v1"
  models:
    default: ["MODEL"]
""",
    mended=_groq(),
    also=(
        """
version: "1.3.17"
endpoints:
  custom:
  - name: Groq
    apiKey: ${GROQ_API_KEY}
    baseURL: https://api.groq.com/openai/v1
    models: {default: ["MODEL"]}
""",
    ),
    hints=(
        "custom: has no value here: what comes below begins in the same column, so it stands beside it.",
        "An entry of a list begins with a dash: - name: …, and its other keys stand below `name`.",
    ),
    wrong=(
        (
            """
version: "1.3.17"
endpoints:
  custom:
    name: "Groq"
    apiKey: "${GROQ_API_KEY}"
    baseURL: "https://api.groq.com/openai/v1"
    models:
      default: ["MODEL"]
""",
            "Indented it belongs to custom, but as one mapping. custom is a list of endpoints: a dash before name.",
        ),
        (
            """
version: "1.3.17"
endpoints: {}
""",
            "With everything gone there is nothing left to be wrong, and no endpoint. LibreChat does not take an empty "
            "mapping either.",
        ),
        (
            """
version: "1.3.17"
endpoints:
  custom:
    - name: "Groq"
      apiKey: "${GROQ_API_KEY}"
      baseURL: "https://api.groq.com/openai/v1"
    - models:
        default: ["MODEL"]
""",
            "Two dashes are two endpoints: one without models, one that has nothing else. LibreChat drops both.",
        ),
        (
            """
version: "1.3.17"
endpoints:
  custom:
  - name: "Groq"
  apiKey: "${GROQ_API_KEY}"
  baseURL: "https://api.groq.com/openai/v1"
  models:
    default: ["MODEL"]
""",
            "The dash makes an entry of `name` alone: the other keys begin left of it and stand beside custom. They "
            "belong under the n of name.",
        ),
        (
            _groq().replace("    - name", "\t- name"),
            "There is a tab before the dash. YAML counts columns, a tab has no fixed width, and so it may not stand "
            "there: blanks only.",
        ),
    ),
)

NOT_FILLED = broken_config(
    "m15",
    "A variable where none is read",
    source="danny-avila/LibreChat/issues/9561",
    endpoint="Groq",
    provider="groq",
    report="""
`received "${FILE_STRATEGY}" … invalid_enum_value … fileStrategy`, and LibreChat stops. In `apiKey` the same way of
writing works. The files are to be kept in S3.
""",
    broken=_groq(more='fileStrategy: "${FILE_STRATEGY}"\n'),
    mended=_groq(more="fileStrategy: s3\n"),
    also=(_groq(more='fileStrategy: "s3"\n'),),
    hints=(
        "Variables are filled in in a few places only: keys, base URLs, headers. Here the word itself has to stand.",
        "fileStrategy: s3",
    ),
    wrong=(
        (
            _groq(more="fileStrategy: ${FILE_STRATEGY}\n"),
            "Quotes or none, it stays the same text: nothing fills variables in at this place.",
        ),
        (
            _groq(more="fileStrategy: amazon-s3\n"),
            "A word is read here, but only one of a few. What LibreChat calls it is s3.",
        ),
        (
            _groq(more="fileStrategy:\n"),
            "Nothing at all is none of the words either. Give the word: s3.",
        ),
        (
            _groq(more='fileStrategy: "S3"\n'),
            "Capital letters count here: the word in LibreChat's list is s3, in small ones.",
        ),
        (
            _groq(),
            "LibreChat starts, and keeps the files where it always did. They are to go to S3: the line stays, with the "
            "word itself in it.",
        ),
    ),
    says=lambda data: expect(data.get("fileStrategy"), "s3", "fileStrategy"),
)

NO_MODELS = broken_config(
    "m16",
    "The endpoint that is not in the menu",
    source="danny-avila/LibreChat/issues/4736",
    endpoint="Groq",
    provider="groq",
    report="""
LibreChat starts, its log has no complaint, and Groq is not in the menu. An endpoint has to have four things, and one
that lacks any of them is left out without a word.
""",
    broken=_groq(""),
    mended=_groq(),
    also=(_groq('        fetch: true\n        default: ["MODEL"]'),),
    hints=(
        "name, apiKey and baseURL are there. Which is the fourth?",
        "models, and below it default, a list. fetch: true asks the provider for more, but does not stand alone.",
    ),
    wrong=(
        (
            _groq("        fetch: false"),
            "models is there, and no model: with fetch: false there has to be a list under default.",
        ),
        (
            _groq("").rstrip() + '\n      model: "MODEL"\n',
            "The key is called models, and has a list under default. model is none that LibreChat knows, and is "
            "ignored.",
        ),
        (
            _groq('        list: ["MODEL"]'),
            "Below models the list is called default; `list` is a word that LibreChat does not know there.",
        ),
        (
            _groq("        fetch: true"),
            "fetch: true asks the provider for its list, and LibreChat wants one of yours all the same, for the day on "
            "which nobody answers: default.",
        ),
        (
            _groq("").rstrip() + "\n      models:\n",
            "models is there, and nothing below it. It needs default, and below that a list with a model.",
        ),
    ),
)


def _openrouter(key: str, url: str = "https://openrouter.ai/api/v1") -> str:
    return endpoint_file("OpenRouter", "KEY", url).replace("${KEY}", key)


WRONG_VARIABLE = broken_config(
    "m17",
    "Missing API key",
    source="danny-avila/LibreChat/issues/5059",
    endpoint="OpenRouter",
    provider="openrouter",
    env={"OPENROUTER_KEY": "stands-for-a-key"},
    report="""
`Missing API Key for OpenRouter.` The key is in the file `.env`, as `OPENROUTER_KEY=…`, and the container has been
started anew since.
""",
    broken=_openrouter("${OPENROUTER_API_KEY}"),
    mended=_openrouter("${OPENROUTER_KEY}"),
    hints=(
        "Compare the name in the file with the name in .env, letter by letter.",
        'apiKey: "${OPENROUTER_KEY}", with the dollar sign and the braces.',
    ),
    wrong=(
        (
            _openrouter("${openrouter_key}"),
            "Capital and small letters are not the same in the name of a variable.",
        ),
        (
            _openrouter("user_provided"),
            "user_provided asks every user for a key of their own, and none of them has stored one. The key is in "
            ".env.",
        ),
        (
            _openrouter("Bearer ${OPENROUTER_KEY} ${OPENROUTER_KEY}", "${OPENROUTER_URL}"),
            "The base URL is a variable now that nobody has set. Only the name of the key's variable was wrong.",
        ),
        (
            _openrouter("$OPENROUTER_KEY"),
            "Only ${NAME} is filled in. LibreChat sends these letters in the place of a key, and says nothing; the "
            "provider says 401.",
        ),
    ),
)

NOBODY_S_KEY = broken_config(
    "m18",
    "No key found",
    source="danny-avila/LibreChat/issues/14048",
    endpoint="Groq",
    provider="groq",
    env={"GROQ_API_KEY": "stands-for-a-key"},
    report="""
`No key found. Please provide a key and try again` (`no_user_key`), for every user, though the administrator's key
stands in `GROQ_API_KEY` and all are to use that one.
""",
    broken=_groq(key="user_provided"),
    mended=_groq(),
    also=(_groq(key=" ${GROQ_API_KEY} "),),
    hints=(
        "What does the word user_provided say about whose key is used?",
        "Name the variable in its place, as ${NAME}.",
    ),
    wrong=(
        (
            _groq(key="$GROQ_API_KEY").replace('baseURL: "https', 'baseURL: "${GROQ_URL}https'),
            "Now the base URL is wrong as well, and the key's variable has no braces: only ${NAME} is filled in.",
        ),
        (
            _groq(key="GROQ_API_KEY"),
            "Without ${…} it is no variable but the key itself: LibreChat sends these letters to Groq, which knows no "
            "such key. It is the nasty kind: no complaint at the start, a 401 at each question.",
        ),
        (
            _groq(key="${GROQ_KEY}"),
            "LibreChat looks for a variable that is called exactly what stands between the braces (it knows no default "
            "after `:-`), and there is none. The one that is set is GROQ_API_KEY.",
        ),
        (
            _groq(key=""),
            "An empty key is as good as none: LibreChat drops the endpoint without a word.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (A_TEXT, NO_LIST, NOT_FILLED, NO_MODELS, WRONG_VARIABLE, NOBODY_S_KEY)
