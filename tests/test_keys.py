"""Keys: found where they are, never printed, taken out of every text."""

from __future__ import annotations

import ast
import base64
import copy
import dataclasses
import html
import itertools
import json
import logging
import pickle
import string
import traceback
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

import labkit
from labkit.errors import ConfigError, KeyMissing, StorageError
from labkit.keys import (
    MASK,
    Secret,
    find,
    install_log_filter,
    lab_home,
    mask_header,
    mask_url,
    not_secret,
    read_dotenv,
    scrub,
    scrub_bytes,
)
from labkit.keys.masks import url_credentials
from labkit.keys.scrub import Scrubber

KEY = "sk-7Qz!Value-0f.a_Key"


def test_no_way_of_printing_a_secret_shows_it() -> None:
    secret = Secret(KEY, "MISTRAL_API_KEY")

    @dataclasses.dataclass
    class Holder:
        key: Secret

    shown = [
        repr(secret), str(secret), f"{secret}", f"{secret!r:>40}", format(secret, "^30"), "%s" % secret,  # noqa: UP031
        f"{[secret]} {({'k': secret})}", json.dumps({"k": secret}, default=str), repr(Holder(secret)),
        str(dataclasses.asdict(Holder(secret))), repr(copy.copy(secret)), repr(copy.deepcopy([secret])),
        repr([getattr(secret, name) for name in dir(secret) if name not in ("unwrap", "_reveal")]),
    ]  # fmt: skip
    assert not [text for text in shown if KEY[3:9] in text]
    assert secret.unwrap() == KEY


@pytest.mark.parametrize("write", [json.dumps, pickle.dumps, vars, len, list, bytes, dict])
def test_a_secret_refuses_to_be_written_or_taken_apart(write: object) -> None:
    with pytest.raises(TypeError) as refused:
        write(Secret(KEY))  # type: ignore[operator]
    assert KEY[3:9] not in str(refused.value)


def test_a_traceback_that_prints_local_variables_does_not_show_it() -> None:
    def fails(secret: Secret) -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken") as broken:
        fails(Secret(KEY))
    text = "".join(traceback.TracebackException.from_exception(broken.value, capture_locals=True).format())
    assert "<Secret>" in text
    assert not runs_of(KEY, text.replace("KEY = ", ""))


def test_secrets_are_equal_by_value_and_to_nothing_else() -> None:
    assert Secret(KEY) == Secret(KEY, "OTHER")
    assert Secret(KEY) != Secret("sk-another")
    assert Secret(KEY) != KEY
    assert len({Secret(KEY), Secret(KEY)}) == 1


def test_a_secret_does_not_change() -> None:
    secret = Secret(KEY, "A_KEY")
    with pytest.raises(AttributeError, match="does not change"):
        secret.name = "other"
    with pytest.raises(AttributeError, match="does not change"):
        del secret.name


def test_only_the_transport_unwraps_a_secret() -> None:
    root = Path(labkit.__file__).parent
    callers = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "unwrap"
    }
    assert callers <= {"keys/secret.py", "keys/find.py", "keys/scrub.py", "wire/gate.py", "wire/recorder.py"}


# --- finding ---------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project folder as the current one."""
    (tmp_path / "lab.py").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_environment_comes_before_the_file_and_the_first_name_before_the_second(folder: Path) -> None:
    (folder / ".env").write_text("A_KEY=from-file\nB_KEY=also-file\n")
    assert find(["A_KEY"], {"A_KEY": "from-env"}) == Secret("from-env")
    assert find(["A_KEY", "B_KEY"], {"B_KEY": " from-env\n"}) == Secret("from-env")
    assert find(["B_KEY", "A_KEY"], {}) == Secret("also-file")
    assert find(["C_KEY"], {}) is None
    assert find(["A_KEY"], {"A_KEY": "  "}, dotenv=None) is None


def test_a_notebook_in_my_finds_the_file_beside_lab_py(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text("A_KEY=above\n")
    (folder / "my").mkdir()
    monkeypatch.chdir(folder / "my")
    found = find(["A_KEY"], {})
    assert found == Secret("above")
    assert found is not None
    assert found.name == "A_KEY"


def test_a_file_above_the_project_is_none_of_ours(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text("A_KEY=outside\n")
    project = folder / "project"
    project.mkdir()
    (project / "lab.py").touch()
    monkeypatch.chdir(project)
    assert find(["A_KEY"], {}) is None


def test_a_key_that_no_header_could_carry_is_named_without_being_shown() -> None:
    with pytest.raises(KeyMissing, match="A_KEY holds a space or a sign that no HTTP header may carry") as missing:
        find(["A_KEY"], {"A_KEY": "sk-1234 and more…"})
    assert "1234" not in str(missing.value)


def test_dotenv_is_read_as_people_write_it(folder: Path) -> None:
    path = folder / ".env"
    path.write_bytes(
        b"\xef\xbb\xbf# keys\r\nexport A_KEY='single # quoted'\r\nB_TOKEN=\"double\"\r\n"
        b"C_SECRET = plain # comment\r\nLAB_LIVE=deepseek\r\nEMPTY_KEY=\r\nD_KEY=a=b\r\n"
    )
    read = read_dotenv(path)
    assert read == {
        "A_KEY": Secret("single # quoted"), "B_TOKEN": Secret("double"), "C_SECRET": Secret("plain"),
        "LAB_LIVE": "deepseek", "EMPTY_KEY": Secret(""), "D_KEY": Secret("a=b"),
    }  # fmt: skip
    assert "plain" not in repr(read)
    assert read_dotenv(folder / "none") == {}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"A_KEY sk-12345678", r"\.env, line 1: is not NAME=value"), ("A_KEY=x".encode("utf-16"), "is not UTF-8 text")],
)
def test_a_dotenv_that_cannot_be_read_is_a_sentence(folder: Path, content: bytes, sentence: str) -> None:
    (folder / ".env").write_bytes(content)
    with pytest.raises(ConfigError, match=sentence) as error:
        find(["A_KEY"], {})
    assert "12345678" not in str(error.value)


def test_lab_home_is_made_where_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "a" / "b"))
    assert lab_home() == tmp_path / "a" / "b"
    assert lab_home().is_dir()
    (tmp_path / "file").touch()
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "file" / "below"))
    with pytest.raises(StorageError, match="Set LAB_HOME to a folder that you may write to"):
        lab_home()


# --- scrubbing -------------------------------------------------------------------------------------------------

keys = st.text(string.ascii_letters + string.digits + "-_.!$&'\"/\\+=%<>", min_size=8, max_size=60)
around = st.text(max_size=40)


def runs_of(key: str, text: str, run: int = 6) -> list[str]:
    """Runs of so many characters of `key` that are in `text`."""
    return [key[i : i + run] for i in range(len(key) - run + 1) if key[i : i + run] in text]


@given(key=keys, before=around, after=around, start=st.integers(0, 50), length=st.integers(6, 60))
def test_no_six_characters_of_a_secret_survive(key: str, before: str, after: str, start: int, length: int) -> None:
    part = key[start % (len(key) - 5) :][:length]
    text = scrub(before + part + after, also=[key])
    assert not runs_of(key, text.replace(MASK, "\0"))
    if not runs_of(key, before + part + after):
        assert text == before + part + after


@given(key=keys, seams=st.lists(st.integers(0, 200), max_size=6))
def test_a_secret_cut_by_the_seams_of_a_stream_is_found(key: str, seams: list[int]) -> None:
    body = f'data: {{"text": "é {key} 😀"}}\n\n'.encode()
    places = sorted({0, len(body), *(s % len(body) for s in seams)})
    parts = [body[a:b] for a, b in itertools.pairwise(places)]
    clean = Scrubber([key]).parts(parts)
    assert len(clean) == len(parts)
    assert not runs_of(key, b"".join(clean).decode().replace(MASK, "\0"))
    assert b"".join(clean) == scrub_bytes(body, also=[key])


@given(key=keys, before=st.text(string.ascii_letters, max_size=5))
def test_a_secret_is_found_as_addresses_json_html_and_base64_write_it(key: str, before: str) -> None:
    for written in (quote(key, safe=""), json.dumps(key), html.escape(key), repr(key)):
        assert MASK in scrub(f"x={written}", also=[key])
    basic = base64.b64encode(f"{before}:{key}".encode()).decode()
    hidden = scrub(f"Basic {basic}", also=[key])
    whole_groups = base64.b64encode(key.encode()[3 : len(key) // 3 * 3 - 3]).decode().rstrip("=")
    assert MASK in hidden
    assert len(whole_groups) < 12 or basic[-12:] not in hidden


def test_text_without_a_secret_is_not_touched() -> None:
    body = b"\xff\x00 any bytes"
    assert scrub_bytes(body, also=[KEY]) is body
    assert scrub("deepseek says hello", also=["short"]) == "deepseek says hello"


def test_secrets_are_known_from_the_environment_the_file_and_while_they_live(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANY_NAME_SECRET", "environment-1234")
    (folder / ".env").write_text("B_TOKEN=in-the-file-1234\nLAB_LIVE=deepseek-and-more\n")
    held = Secret("held-in-a-variable")
    text = "environment-1234 in-the-file-1234 held-in-a-variable deepseek-and-more"
    assert scrub(text) == f"{MASK} {MASK} {MASK} deepseek-and-more"
    del held
    (folder / ".env").write_text("B_TOKEN=another-value-now\n")
    assert scrub(text) == f"{MASK} in-the-file-1234 held-in-a-variable deepseek-and-more"


def test_the_labs_own_fake_keys_and_paths_of_files_are_no_secrets(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    not_secret("fake-key-of-this-test")
    monkeypatch.setenv("A_API_KEY", "fake-key-of-this-test")
    monkeypatch.setenv("B_API_KEY", "sk-0000lab0000fake0000key0000deepseek")
    (folder / "server.pem").touch()
    monkeypatch.setenv("TLS_KEY", str(folder / "server.pem"))
    text = f"fake-key-of-this-test deepseek {folder / 'server.pem'}"
    assert scrub(text) == text


@pytest.mark.parametrize(
    ("message", "clean"),
    [
        # DeepSeek, https://github.com/continuedev/continue/issues/11820; OpenAI's wording as its community quotes it
        ("Your api key: ****fcc2 is invalid", f"Your api key: {MASK} is invalid"),
        ("Incorrect API key provided: sk-proj-********fcc2. You can", f"Incorrect API key provided: {MASK} You can"),
        ("Invalid key sk-pr…fcc2, sorry", f"Invalid key {MASK}, sorry"),
        ("Invalid key sk-pr...fcc2", f"Invalid key {MASK}"),
        ("the key ending in fcc2", f"the key ending in {MASK}"),
        (r"key sk-pr\u2026fcc2", rf"key {MASK}"),
        ("auth header format should be Bearer sk-...", "auth header format should be Bearer sk-..."),
        ("Limit 6000, Requested 12328, try again in ...", "Limit 6000, Requested 12328, try again in ..."),
    ],
)  # fmt: skip
def test_a_masked_picture_of_the_key_in_an_error_goes_with_its_mask(message: str, clean: str) -> None:
    key = "sk-proj-A1b2C3d4E5f6G7h8fcc2"
    assert scrub(message, echoed=[key]) == clean
    assert scrub_bytes(message.encode(), echoed=[key]) == clean.encode()
    assert "****" not in scrub(message, echoed=[key])


def test_a_picture_of_another_key_stays() -> None:
    assert scrub("Your api key: ****0000 is invalid", echoed=["sk-proj-A1b2C3d4fcc2"]).count("****0000") == 1


# --- headers and addresses -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("Authorization", "Bearer sk-1", "Bearer [hidden]"),
        ("authorization", "sk-without-scheme", "[hidden]"),
        ("Authorization", "Bearer None", "Bearer None"),
        ("Authorization", "Bearer ", "Bearer "),
        ("Authorization", "Bearer $DEEPSEEK_API_KEY", "Bearer $DEEPSEEK_API_KEY"),
        ("Proxy-Authorization", "Basic dTpw", "Basic [hidden]"),
        ("x-api-key", "sk-1", "[hidden]"),
        ("api-key", "sk-1", "[hidden]"),
        ("x-goog-api-key", "AIza", "[hidden]"),
        ("X-Amz-Security-Token", "abc", "[hidden]"),
        ("Cookie", "a=1; session=2", "a=[hidden]; session=[hidden]"),
        ("Set-Cookie", "id=42; Path=/; HttpOnly", "id=[hidden]; Path=/; HttpOnly"),
        ("Location", "https://x.example/?token=1", "https://x.example/?token=[hidden]"),
        ("x-ratelimit-remaining-tokens", "99", "99"),
        ("idempotency-key", "4f3a", "4f3a"),
        ("content-type", "application/json", "application/json"),
    ],
)
def test_a_header_shows_its_scheme_and_not_its_key(name: str, value: str, shown: str) -> None:
    assert mask_header(name, value) == shown


@pytest.mark.parametrize(
    ("url", "shown", "hidden"),
    [
        ("https://h/v1?key=AIza&alt=sse", "https://h/v1?key=[hidden]&alt=sse", ["AIza"]),
        ("https://h/v1?a=1&API_KEY=x%2By#end", "https://h/v1?a=1&API_KEY=[hidden]#end", ["x+y"]),
        ("https://h/?access_token=t&api%5Fkey=u", "https://h/?access_token=[hidden]&api%5Fkey=[hidden]", ["t", "u"]),
        ("https://me:p%40w@h:8/x", "https://[hidden]@h:8/x", ["me", "p@w"]),
        ("https://sk-1@h/", "https://[hidden]@h/", ["sk-1"]),
        ("https://h/?max_tokens=5&q=a@b", "https://h/?max_tokens=5&q=a@b", []),
        ("https://h/?key=", "https://h/?key=", []),
    ],
)
def test_an_address_shows_no_user_and_no_key(url: str, shown: str, hidden: list[str]) -> None:
    assert mask_url(url) == shown
    assert url_credentials(url) == hidden


# --- logs ------------------------------------------------------------------------------------------------------


@pytest.fixture
def _log_filter() -> Iterator[None]:
    before = logging.getLogRecordFactory()
    install_log_filter()
    install_log_filter()  # a second time changes nothing
    yield
    logging.setLogRecordFactory(before)


@pytest.mark.usefixtures("_log_filter")
@pytest.mark.parametrize(
    "name", ["httpx", "httpcore.http11", "uvicorn.error", "labkit.wire", "httpx2", "openai._base_client"]
)
def test_log_records_of_http_libraries_are_clean(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    log = logging.getLogger(name)
    held = Secret(KEY)
    log.info('HTTP Request: GET %s "200"', f"https://h/?key=abc&x={KEY}")
    log.debug("headers %r", [(b"set-cookie", b"id=42"), (b"x-api-key", b'a"b'), (b"date", b"today")])
    log.debug("options %r", {"headers": {"authorization": "Bearer zzz"}})
    try:
        raise ValueError(f"with {held.unwrap()} inside")
    except ValueError:
        log.exception("it failed")
    text = caplog.text + "".join(str(r.__dict__) for r in caplog.records)
    assert not runs_of(KEY, text)
    assert not [part for part in ("abc", "id=42", 'a"b', "zzz") if part in caplog.text]
    assert "today" in caplog.text
    assert "ValueError: with [hidden] inside" in caplog.text


@pytest.mark.usefixtures("_log_filter")
def test_uvicorns_access_log_keeps_the_five_arguments_its_formatter_needs(caplog: pytest.LogCaptureFixture) -> None:
    from uvicorn.logging import AccessFormatter

    caplog.set_level(logging.INFO, "uvicorn.access")
    arguments = ("127.0.0.1:5", "GET", "/gemini/v1?key=abc", "1.1", 200)
    logging.getLogger("uvicorn.access").info('%s - "%s %s HTTP/%s" %d', *arguments)
    line = AccessFormatter("%(client_addr)s %(request_line)s %(status_code)s", use_colors=False).format(
        caplog.records[0]
    )
    assert line == "127.0.0.1:5 GET /gemini/v1?key=[hidden] HTTP/1.1 200 OK"


@pytest.mark.usefixtures("_log_filter")
def test_loggers_of_others_are_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("somebody.else").warning("key=%s", "https://h/?key=abc")
    assert caplog.records[0].getMessage() == "key=https://h/?key=abc"
