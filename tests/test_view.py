"""How a call looks: whole, inert, the same every time; and curl that sends the same bytes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback import Reply, loopback

from labkit import curl, show
from labkit.errors import LabError, ParameterError
from labkit.view import log_html
from labkit.view.bodies import LINE, html_body, plain_body, pretty
from labkit.view.html import Html, badge, card, details, escape, folded, join, marked, pre, table, visible
from labkit.wire import Exchange
from labkit.wire.log import seconds

# One list of awkward texts for everything that shows what a model or a server wrote.
AWKWARD = {
    "empty": "",
    "script": "<script>alert(1)</script>",
    "image": "<img src=x onerror=alert(1)>",
    "attribute": "\" onmouseover='alert(1)' x=\"",
    "entity": "&lt;b&gt; &amp; &#x3c;",
    "markdown": "[click](javascript:alert(1)) **bold** `code`",
    "ansi": "\x1b[31mred\x1b[0m\x07\x08",
    "override": "user\u202etxt.exe\u2066hidden\u2069",
    "unseen": "a\u200bb\ufeffc\u2060d\U000e0041",
    "rtl": "שלום עולם مرحبا",
    "emoji": "👩‍👩‍👧 🏴‍☠️ é",
    "surrogate": "a\ud800b",
    "null": "a\x00b\x85c\u2028d",
    "long": "word " * 20_000,
}


class Seen(HTMLParser):
    """What a browser would make of it: text, tags, attributes; and that tags are closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.tags, self.attributes, self._open = "", set[str](), set[str](), list[str]()
        self.styles = ""
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.styles += ";".join(value or "" for _, value in attrs)
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


# JupyterLab's sanitiser lets these pass in an untrusted notebook; see `allowedTags` in @jupyterlab/apputils.
SAFE_TAGS = {"div", "span", "pre", "b", "table", "thead", "tbody", "tr", "th", "td", "details", "summary"}


def response(content: Any = b"", status: int = 200, **headers: str) -> httpx.Response:
    request = httpx.Request("POST", "http://127.0.0.1:8765/deepseek/chat/completions", json={"model": "m-1"})
    lines = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, content=content, headers=lines, request=request)


# --- html.py ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", AWKWARD.values(), ids=AWKWARD.keys())
def test_awkward_text_is_inert_in_every_helper(text: str) -> None:
    body = html_body(text.encode("utf-8", "replace"), "text/html")
    made = [
        escape(text), card(text, escape(text)), badge(text), pre(text), details(text, pre(text)), folded(text),
        table([[text, text]], [text, "n"], numbers=[1]), body,
    ]  # fmt: skip
    for html in made:
        seen = Seen(html)
        assert seen.tags <= SAFE_TAGS
        assert seen.attributes <= {"style"}
        assert "alert" not in seen.styles
        html.encode("utf-8")
        if len(text) < 100:
            assert html is body or visible(text).strip() in seen.text


@given(text=st.text(max_size=200))
def test_escaped_text_reads_as_what_is_visible_of_it(text: str) -> None:
    assert Seen(pre(text)).text == visible(text)
    assert visible(visible(text)) == visible(text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\ud800-\udfff]", visible(text))


def test_what_acts_unseen_is_shown_and_what_belongs_to_the_script_stays() -> None:
    assert visible("a\x1b[31m\u202eb\u2066\x00\x7f") == "a␛[31m‹U+202E›b‹U+2066›␀␡"
    assert visible("line\r\nnext\rover\tx") == "line\nnext␍over\tx"
    assert visible(AWKWARD["emoji"]) == AWKWARD["emoji"]
    assert visible("می\u200cخواهم") == "می\u200cخواهم"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("give `max_tokens` a <value>", "give <code>max_tokens</code> a &lt;value&gt;"),
        ("`<b>` & `x`", "<code>&lt;b&gt;</code> &amp; <code>x</code>"),
        ("`twice` and an odd ` backtick", "<code>twice</code> and an odd ` backtick"),
        ("a code `over\ntwo` lines", "a code `over\ntwo` lines"),
        ("`[no](https://x.example)`", "<code>[no](https://x.example)</code>"),
        ("**bold**, # head", "**bold**, # head"),
        ("*in* `*x*`, (*the text*).", "<i>in</i> <code>*x*</code>, (<i>the text</i>)."),
        ("2 * 3 * 4, *a*b, *_KEY, *x and y*z, *one two three four five*", None),
        ("choices[0](a.b), [0](1), [0] and (2)", "choices[0](a.b), [0](1), [0] and (2)"),
        ("<script>alert(`1`)</script>", "&lt;script&gt;alert(<code>1</code>)&lt;/script&gt;"),
    ],
)
def test_a_sentence_of_the_lab_shows_code_and_slanted_words_and_nothing_else_of_markdown(
    text: str, seen: str | None
) -> None:
    assert marked(text) == (text if seen is None else seen)


@pytest.mark.parametrize(
    ("address", "href"),
    [
        ("https://example.com/a?b=1&c=2#d", "https://example.com/a?b=1&amp;c=2#d"),
        ("04-sampling.ipynb", "04-sampling.ipynb"),
        ("../docs/errors.md#limits", "../docs/errors.md#limits"),
    ],
)
def test_a_sentence_of_the_lab_links_to_https_and_to_what_lies_beside_it(address: str, href: str) -> None:
    link = f'<a href="{href}" target="_blank" rel="noopener">the <code>list</code></a>'
    assert marked(f"See [the `list`]({address}).") == f"See {link}."


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "javascript:alert%281%29",
        "JavaScript:void",
        "java\tscript:x",
        "data:text/html,x",
        "http://example.com",
        "//example.com/x",
        "/absolute/x",
        "\\\\example.com",
        "vbscript:x",
        "https:x",
        'https://example.com/"onclick=',
    ],
)
def test_a_link_to_anywhere_else_stays_text(address: str) -> None:
    made = marked(f"[here]({address})")
    seen = Seen(made)
    if '"' in address:  # a quotation mark is escaped, and so cannot leave the attribute it stands in
        assert seen.attributes <= {"href", "target", "rel"}
    else:
        assert seen.tags == set()
        assert seen.text == visible(f"[here]({address})")


@given(text=st.text(alphabet="`*[]()<>&\"' \nahtps:/.j", max_size=60))
def test_no_sentence_makes_other_markup_than_code_slant_and_safe_links(text: str) -> None:
    made = marked(text)
    assert Seen(made).tags <= {"code", "i", "a"}
    assert Seen(made).attributes <= {"href", "target", "rel"}
    for address in re.findall(r'href="([^"]*)"', made):
        assert address.startswith("https://") or not re.match(r"[/\\\\]|[^/?#]*:", address)


def test_markup_made_here_is_not_escaped_again_and_text_is() -> None:
    assert join([badge("x"), "<b>"]) == badge("x") + "&lt;b&gt;"
    assert isinstance(join([]), Html)


@pytest.mark.parametrize("text", [AWKWARD["long"], "x" * 9000, "é\n" * 5000])
def test_a_long_text_is_folded_and_nothing_is_lost(text: str) -> None:
    seen = Seen(folded(text))
    shown = re.sub(r"[\d,]+ more characters", "", seen.text)
    assert shown == text
    assert "details" in seen.tags


# --- bodies ----------------------------------------------------------------------------------------------------

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(), inner, max_size=6),
    max_leaves=30,
)


@given(value=values, ascii=st.booleans(), indent=st.sampled_from([None, 3]))
def test_json_with_air_is_the_same_json(value: Any, ascii: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii, indent=indent)
    shown = pretty(text)
    assert shown is not None
    assert json.loads(shown) == value
    # Not only the same value: the same signs, in the same order.
    signs = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s]')
    assert signs.findall(shown) == signs.findall(text)


def test_json_is_not_rewritten() -> None:
    text = r'{"b": 1.50, "a": 1E400, "b": 12345678901234567890.0, "u": "\u00e9\/"}'
    assert pretty(text) == text
    assert pretty("{broken") is None
    assert pretty("[" * 100_000) is None


def test_lines_of_json_stay_short_and_numbers_fill_them() -> None:
    shown = pretty(json.dumps({"embedding": [0.125] * 500, "list": [{"a": list(range(9))}] * 3}))
    assert shown is not None
    assert max(map(len, shown.splitlines())) <= LINE
    assert len(shown.splitlines()) < 60


def test_binary_is_shown_in_hex_with_its_length() -> None:
    body = bytes(range(256)) * 2
    assert plain_body(body, "image/png").startswith("(512 bytes, image/png)\n00000000  00 01 02 03")
    assert '… 256 more bytes: print(show(…, body="all"))' in plain_body(body, "image/png")
    assert len(plain_body(body, "image/png", whole=True).splitlines()) == 33
    assert "000001f0  f0 f1" in Seen(html_body(body, "image/png")).text


def test_a_stream_is_shown_event_by_event() -> None:
    body = b": keep-alive\n\n" + b"".join(b'data: {"n": %d}\n\n' % n for n in range(30)) + b"data: [DONE]\n\ndata: cut"
    plain = plain_body(body, "text/event-stream; charset=utf-8").splitlines()
    assert plain[:2] == ["[1] : keep-alive", '[2] data: {"n": 0}']
    assert plain[8] == '… 22 more events: print(show(…, body="all"))'
    assert plain[-2:] == ["[32] data: [DONE]", "[33] data: cut"]
    assert len(plain_body(body, "text/event-stream", whole=True).splitlines()) == 33
    text = Seen(html_body(body, "text/event-stream")).text
    assert all(f'data: {{"n": {n}}}' in text for n in range(30))
    assert "comment" in text
    assert "unfinished" in text


# --- show ------------------------------------------------------------------------------------------------------


def test_show_prints_the_call_as_it_went() -> None:
    answer = response(
        b'{"choices": []}', content_type="application/json", x_lab_model="lab-chat", x_lab_provider="deepseek"
    )
    assert str(show(answer)) == (
        "POST http://127.0.0.1:8765/deepseek/chat/completions\n"
        "Host: 127.0.0.1:8765\n"
        "Content-Length: 15\n"
        "Content-Type: application/json\n"
        "\n"
        '{"model": "m-1"}\n'
        "\n"
        "200 OK · HTTP/1.1 (success)\n"
        "content-type: application/json\n"
        "x-lab-model: lab-chat\n"
        "x-lab-provider: deepseek\n"
        "Content-Length: 15\n"
        "\n"
        '{"choices": []}\n'
        "\n"
        "Answered by lab-chat, a model of the lab, speaking as the local provider deepseek.\n"
        "Times: not recorded.\n"
        "The same with curl: print(curl(…)) with what you gave to show."
    )


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (200, "success"),
        (302, "redirect"),
        (404, "refused, see the request"),
        (503, "failed at the server"),
        (799, "no known status"),
    ],
)
def test_a_status_is_said_in_a_word_and_not_by_colour_alone(status: int, word: str) -> None:
    view = show(response(status=status))
    assert word in str(view)
    assert word in Seen(view._repr_html_()).text


def test_bodies_and_headers_can_be_left_out() -> None:
    answer = response(b'{"choices": []}', content_type="application/json", x_request_id="r-1")
    assert "choices" not in str(show(answer, body=False))
    assert "content-type" not in str(show(answer, headers=False)).lower()
    only = str(show(answer, headers=["X-Request-Id"]))
    assert "x-request-id: r-1" in only
    assert "content-type" not in only.lower()
    with pytest.raises(ParameterError, match="It is True, False or 'all'"):
        show(answer, body="every")


def test_a_long_body_is_cut_in_plain_text_only_and_says_so() -> None:
    answer = response(json.dumps({"content": AWKWARD["long"]}).encode(), content_type="application/json")
    assert len(str(show(answer))) < 6000
    assert 'more characters: print(show(…, body="all"))' in str(show(answer))
    assert AWKWARD["long"] in str(show(answer, body="all"))
    assert AWKWARD["long"][:1000] in Seen(show(answer)._repr_html_()).text
    assert Seen(show(answer)._repr_html_()).text.count("word") >= 20_000  # the field's note quotes some of them


def test_a_megabyte_is_shown_whole_and_inert() -> None:
    text = "<img src=x onerror=alert(1)> " * 40_000
    seen = Seen(show(response(text.encode(), content_type="text/plain"))._repr_html_())
    assert text.strip() in re.sub(r"[\d,]+ more characters", "", seen.text)
    assert "img" not in seen.tags


@pytest.mark.parametrize("text", AWKWARD.values(), ids=AWKWARD.keys())
def test_awkward_answers_are_inert_in_both_forms(text: str) -> None:
    body = json.dumps({"content": text}, ensure_ascii=False).encode("utf-8", "replace")
    lines = {"x_said": re.sub(r"[^\x20-\x7e]", "?", text)[:80].strip()}
    for content_type in ("application/json", "text/event-stream", "text/html", "text/markdown"):
        view = show(response(b"data: " + body + b"\n\n", content_type=content_type, **lines))
        assert "\x1b" not in str(view)
        assert "\u202e" not in str(view)
        seen = Seen(view._repr_html_())
        assert seen.tags <= SAFE_TAGS
        assert seen.attributes <= {"style"}


def test_html_and_text_hold_the_same_and_both_are_offered() -> None:
    answer = response(b'{"choices": [1, 2]}', content_type="application/json", x_lab_model="lab-chat")
    view = show(answer)
    assert view._repr_mimebundle_() == {"text/plain": str(view), "text/html": view._repr_html_()}
    words = set(re.findall(r"[\w./:-]+", str(view)))
    missing = {word for word in words if word.strip(".:") not in Seen(view._repr_html_()).text}
    assert missing <= {"(success)"}


def test_the_same_call_looks_the_same_every_time_and_has_no_ids() -> None:
    views = [show(response(b'{"a": 1}', content_type="application/json"))._repr_html_() for _ in range(2)]
    assert views[0] == views[1]
    assert not re.search(r"<style|<svg|var\(|\bid=|class=|position:", views[0])


def test_times_are_said_in_one_line_in_one_form() -> None:
    assert [seconds(s) for s in (0.0004, 0.0123, 0.9994, 0.9996, 1.34, 61.0)] == [
        "0 ms", "12 ms", "999 ms", "1.0 s", "1.3 s", "61.0 s",
    ]  # fmt: skip
    exchange = Exchange.of(response(b"data: x\n\n", content_type="text/event-stream"))
    exchange.timings = type(exchange.timings)(0.001, 0.02, 0.3, 4.0, False)
    exchange._parts = [(0.5, b"data: x\n\n")]
    line = "Times: connect 1 ms, TLS 20 ms, first byte 300 ms, first event 500 ms, total 4.0 s."
    text = str(show(exchange))
    assert line in text
    assert not re.search(r"\b\d+(\.\d+)? m?s\b", text.replace(line, ""))


def test_an_error_shows_what_lay_beneath_it() -> None:
    with loopback() as server:
        gone = server.url
    with pytest.raises(httpx.ConnectError) as refused:
        httpx.get(f"{gone}/deepseek/models")
    view = show(refused.value)
    for text in (str(view), Seen(view._repr_html_()).text):
        assert "ConnectError: " in text
        assert "ConnectionRefusedError" in text


def test_an_unread_stream_says_so_and_stays_unread() -> None:
    with loopback() as server, httpx.Client() as client, client.stream("GET", server.url) as answer:
        assert "body not read yet: call .read() first" in str(show(answer))
        assert answer.read() == b'{"ok": true}'


def test_a_request_can_be_shown_before_it_is_sent() -> None:
    assert "Not sent: this is a request." in str(show(httpx.Request("GET", "http://localhost/")))


def test_something_else_is_refused_with_what_is_wanted() -> None:
    with pytest.raises(LabError, match="show: there is no HTTP exchange in a dict"):
        show({})


def test_the_log_is_a_table_of_escaped_cells() -> None:
    request = httpx.Request("POST", "http://127.0.0.1:1/x", json={"model": "<script>"})
    seen = Seen(
        log_html(
            [Exchange.of(httpx.Response(500, request=request)), Exchange.of(httpx.ReadTimeout("", request=request))]
        )
    )
    assert "script" not in seen.tags
    assert all(word in seen.text for word in ("<script>", "500", "no answer", "ReadTimeout"))
    assert "no calls yet" in log_html([])


# --- curl ------------------------------------------------------------------------------------------------------

BODIES = {
    "quotes": {"a": "it's \"quoted\" and 'single'", "b": "\\ back \\n slash"},
    "shell": {"a": "$HOME `id` $(id) !! !x \\$ %PATH% & | ; > <", "b": "~ * ? # {a,b} [x]"},
    "signs": {"a": "é 😀 שלום \u202e ‘curly’ “quotes” „low“", "b": "tab\there"},
    "lines": {"a": "first\nsecond\r\nthird"},
    "at": "@file",
    "long": {"a": "x" * 150_000},
}


def run_bash(command: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Runs a command line as an interactive bash would read it, history expansion included."""
    if shutil.which("bash") is None or shutil.which("curl") is None or sys.platform == "win32":
        if os.environ.get("CI"):
            pytest.fail("bash and curl must be there in CI")
        pytest.skip("no bash or no curl here")
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "NO_PROXY": "127.0.0.1", **environment}
    script = f"set -o history -o histexpand\n{command}\n".encode()
    return subprocess.run(["bash"], input=script, capture_output=True, env=env, timeout=30, check=False)


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("indent", [None, 2])
def test_curl_for_sh_sends_the_very_bytes(name: str, indent: int | None) -> None:
    content = json.dumps(BODIES[name], ensure_ascii=False, indent=indent).encode()
    with loopback(Reply(headers={"x-lab-provider": "deepseek"})) as server:
        url = f"{server.url}/deepseek/a b?q=[1]&x={{y}}&z='\"$1"
        headers = {
            "Content-Type": "application/json",
            "Authorization": "Bearer sk-was-here",
            "X-Note": "it's $5 `now`!",
        }
        answer = httpx.post(url, content=content, headers=headers)
        command = curl(answer)
        assert "sk-was-here" not in command
        done = run_bash(command, DEEPSEEK_API_KEY="sk-from-the-shell")
        assert done.stdout == b'{"ok": true}', done.stderr.decode()
        first, second = server.got
    assert second.body == first.body == content
    assert (second.method, second.path) == (first.method, first.path)
    assert second.header("authorization") == "Bearer sk-from-the-shell"
    for header in ("content-type", "x-note"):
        assert second.header(header) == first.header(header)


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "POST"])
@pytest.mark.parametrize("content", [b"", b"plain, no type"])
def test_curl_for_sh_uses_the_same_method_and_no_content_type_of_its_own(method: str, content: bytes) -> None:
    with loopback() as server:
        command = curl(httpx.request(method, f"{server.url}/v1/x", content=content, headers={"x-api-key": "zzz"}))
        done = run_bash(command, API_KEY="sk-from-the-shell")
        assert done.returncode == 0, done.stderr.decode()
        first, second = server.got
    assert (second.method, second.body) == (method, content)
    assert second.header("content-type") is first.header("content-type") is None
    assert second.header("x-api-key") == "sk-from-the-shell"


def test_keys_in_the_address_become_the_variable_too() -> None:
    with loopback() as server:
        command = curl(httpx.get(f"{server.url}/v1/models?key=secret-value&alt=sse"), variable="GEMINI_API_KEY")
        assert "$GEMINI_API_KEY" in command
        assert run_bash(command, GEMINI_API_KEY="from-the-shell").returncode == 0
        assert server.got[1].path == "/v1/models?key=from-the-shell&alt=sse"


def test_curl_streams_without_waiting_when_the_call_does() -> None:
    request = httpx.Request("POST", "https://api.deepseek.com/chat/completions", json={"stream": True})
    assert curl(request).startswith("curl -N https://api.deepseek.com/chat/completions")


def test_the_variable_is_guessed_from_the_provider_or_given() -> None:
    request = httpx.Request("GET", "https://api.mistral.ai/v1/models", headers={"Authorization": "Bearer x"})
    assert '-H "Authorization: Bearer $MISTRAL_API_KEY"' in curl(request)
    assert "$OTHER_KEY" in curl(request, variable="OTHER_KEY")
    assert "${env:MISTRAL_API_KEY}" in curl(request, "powershell")
    with pytest.raises(ParameterError, match="is not the name of a variable"):
        curl(request, variable="$(rm)")
    with pytest.raises(ParameterError, match=r"shell is one of sh, powershell.*Did you mean 'powershell'"):
        curl(request, "power-shell")


def test_a_body_that_no_command_line_can_hold_is_said_to_be_missing() -> None:
    request = httpx.Request("POST", "http://localhost/", content=b"\x00\xff" * 10)
    for shell in ("sh", "powershell"):
        assert "# The body is 20 bytes that are not text: put them into body.bin." in curl(request, shell)
        assert "@body.bin" in curl(request, shell)


def unquoted(powershell: str) -> str:
    """What PowerShell reads in a single-quoted string, by about_Quoting_Rules and its tokenizer: any two of its
    single quotes, the curly ones included, are one; a lone one would end the string."""
    inner = powershell[1:-1]
    pairs = re.sub(r"(['‘’‚‛])['‘’‚‛]", lambda m: f"\0{m[1]}", inner)
    assert not re.search(r"(?<!\0)['‘’‚‛]", pairs)
    return pairs.replace("\0", "")


@pytest.mark.parametrize("name", BODIES)
def test_curl_for_powershell_puts_the_body_literally_into_a_file(name: str) -> None:
    content = json.dumps(BODIES[name], ensure_ascii=False)
    request = httpx.Request(
        "POST", "https://api.mistral.ai/v1/x", content=content, headers={"Authorization": "Bearer x"}
    )
    command = curl(request, "powershell")
    assert command.startswith("# For Windows PowerShell 5.1 and for PowerShell 7 on Windows\n")
    written = re.search(r"WriteAllText\(\$file, ('.*')\)\ncurl\.exe", command, re.DOTALL)
    assert written is not None
    assert unquoted(written[1]) == content
    assert '--data-binary "@$file"' in command
    assert command.rstrip().endswith("Remove-Item $file")


def test_a_command_shows_in_a_notebook_as_it_must_be_typed() -> None:
    command = curl(httpx.Request("GET", "http://localhost/x"))
    assert repr(command) == str(command)
    assert isinstance(command, str)


def test_every_view_module_leaves_markup_to_html_py() -> None:
    view = Path(show.__code__.co_filename).parent
    for module in ("anatomy.py", "curl.py"):
        text = (view / module).read_text("utf-8")
        assert not re.search(r"<(div|span|pre|table|details)\b(?! style=\"height)", text), module
