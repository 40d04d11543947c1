"""Links: found where they stand, judged by their form without a network, asked of a server on this machine."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from loopback import Got, Loopback, Reply, loopback

from labkit import links
from labkit.clock import moment_of
from labkit.errors import ServerError
from labkit.linkcheck import Asker, Outcome, ask_all, client, in_turn, report
from labkit.links import Link

KNOWN = links.links()
ROOT = Path(__file__).resolve().parent.parent

# --- by form, without a network ---------------------------------------------------------------------------------------


def test_every_link_of_the_lab_is_well_formed() -> None:
    assert {link: said for link in KNOWN if (said := links.problems(link))} == {}


def test_links_are_found_in_each_kind_of_place() -> None:
    places = " ".join(link.where for link in KNOWN)
    for path in (ROOT / "configs" / "providers").glob("*.yaml"):
        assert f"configs/providers/{path.name}, sources." in places
    for number in ("01", "02", "03", "04", "06", "07"):
        assert f"notebooks/{number}-" in places
    for part in ("README.md:", "labkit/sim/", "labkit/view/fields.yaml:", "the text of exercise m01", "key.page"):
        assert part in places


def test_every_source_of_the_facts_is_among_them_with_its_date() -> None:
    from labkit import facts

    for name, provider in facts.load().items():
        for key, source in provider.sources.items():
            if source.url is not None:
                assert Link(source.url, f"configs/providers/{name}.yaml, sources.{key}", source.as_of) in KNOWN


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://docs.mistral.ai/api/", "https://"),
        ("https:/docs.mistral.ai/api/", "host"),
        ("https://HOST/v1", "host"),
        ("https://intranet/page", "host"),
        ("https://10.0.0.7/page", "host"),
        ("https://docs..mistral.ai/", "host"),
        ("https://docs.example.com/a", "examples"),
        ("https://lab.invalid/a", "examples"),
        ("https://me:secret@docs.mistral.ai/", "password"),
        ("https://docs.mistral.ai:8443/", "port"),
        ("https://docs.mistral.ai:port/", "no address"),
        ("https://docs.mistral.ai/a page", "%"),
        ("https://docs.mistral.ai/é", "%"),
        ("https://docs.mistral.ai/100%", "%"),
        ("https://docs.mistral.ai/{version}/", "%"),
        ("https://docs.mistral.ai/api.", "sentence"),
        ("https://docs.mistral.ai//api", "sentence"),
        ("https://docs.mistral.ai/TODO", "filled in"),
        ("https://github.com/OWNER/REPO/issues/1", "filled in"),
        ("https://docs.mistral.ai/?account=your-name", "filled in"),
        ("https://docs.mistral.ai/.../api", "filled in"),
        ("https://docs.mistral.ai/api?utm_source=chatgpt.com", "utm_source"),
        ("https://docs.mistral.ai/api?page=2&fbclid=", "fbclid"),
    ],
)
def test_a_malformed_address_is_told_by_what_is_wrong_with_it(url: str, says: str) -> None:
    assert says in " ".join(links.problems(Link(url, "README.md:1")))


@pytest.mark.parametrize(
    "url",
    [
        "https://docs.mistral.ai",
        "https://xn--bcher-kva.ch/a_(b)?q=%C3%A9&site=x#part",
        "https://github.com/a/todo-list/blob/HEAD/placeholder.py",
        "https://newreleases.io/project/github/vercel/ai/release/@ai-sdk%2Ffireworks@2.0.72",
    ],
)
def test_an_ordinary_address_is_let_pass(url: str) -> None:
    assert links.problems(Link(url, "README.md:1")) == []


@pytest.mark.parametrize(
    ("as_of", "says"), [("2026-02-30", "no date"), (None, "no date"), ("last week", "no date"), ("2026-12", "later")]
)
def test_a_source_of_the_facts_has_a_true_date_that_is_not_to_come(as_of: str | None, says: str) -> None:
    good = Link("https://docs.mistral.ai/", "configs/providers/mistral.yaml, sources.docs", "2026-11-20")
    assert links.problems(good, moment_of("2026-11-20")) == []
    assert says in " ".join(links.problems(replace(good, as_of=as_of), moment_of("2026-11-20")))


def test_a_source_that_is_the_lab_itself_must_be_there(tmp_path: Path) -> None:
    own = Link("labkit/sim", "configs/providers/lab.yaml, sources.lab", "2026-11")
    assert links.problems(own) == []
    assert "no such file" in " ".join(links.problems(own, root=tmp_path))


def test_code_and_examples_are_no_links() -> None:
    text = (
        "[a](https://a.org)\n\n```sh\ncurl https://b.org\n```\n\n    https://c.org\n\n`https://d.org` <https://e.org>"
    )
    assert list(links.in_markdown(text)) == [(1, "https://a.org"), (9, "https://e.org")]
    code = '"""Doc: https://a.org/x.\n\n>>> get("https://b.org")\n"""\nurl = "https://c.org"  # see https://d.org/y;\n'
    assert list(links.in_python(code)) == [(1, "https://a.org/x"), (5, "https://d.org/y")]


# --- asked ------------------------------------------------------------------------------------------------------------


class Time:
    """A clock that a wait moves, and nothing else."""

    def __init__(self) -> None:
        self.s, self.waits = 0.0, list[float]()

    def now(self) -> float:
        return self.s

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.s += seconds


def asked(
    reply: Callable[[Got], Reply], *paths: str, time: Time | None = None, timeout_s: float = 30.0
) -> tuple[list[Outcome], Loopback]:
    """What these paths of a server that answers so come to; the addresses in the outcomes are shortened to paths."""
    kept = time or Time()
    with loopback(reply) as server, client(timeout_s) as asking:
        asker = Asker(asking, kept.now, kept.sleep)
        outcomes = ask_all([server.url + path for path in paths], asker)
        plain = [
            replace(each, url=each.url.removeprefix(server.url), note=each.note.replace(server.url, ""))
            for each in outcomes
        ]
        return plain, server


def test_200_is_ok_and_asked_with_head_alone() -> None:
    outcomes, server = asked(lambda got: Reply(200), "/page#part")
    assert outcomes == [Outcome("/page", "ok", 200)]
    assert [(got.method, got.path) for got in server.got] == [("HEAD", "/page")]
    assert server.got[0].header("authorization") is None
    assert "labkit" in str(server.got[0].header("user-agent"))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_told_with_where_it_leads(status: int) -> None:
    def reply(got: Got) -> Reply:
        return Reply(status, {"location": "/new/place"}) if got.path == "/old" else Reply(200)

    assert asked(reply, "/old")[0] == [Outcome("/old", "moved", 200, f"{status} to /new/place")]


def test_a_redirect_to_what_is_gone_or_to_the_front_page_is_dead() -> None:
    def reply(got: Got) -> Reply:
        to = {"/a": "/gone", "/b": "/"}.get(got.path)
        return Reply(301, {"location": to}) if to else Reply(404 if got.path == "/gone" else 200)

    assert asked(reply, "/a", "/b")[0] == [
        Outcome("/a", "dead", 404, "301 to /gone"),
        Outcome("/b", "dead", 200, "301 to /, the front page"),
    ]


def test_a_circle_of_redirects_ends() -> None:
    outcomes, server = asked(lambda got: Reply(302, {"location": "/again"}), "/again")
    assert [(each.verdict, each.note) for each in outcomes] == [("dead", "more than 5 redirects")]
    assert len(server.got) <= 12


@pytest.mark.parametrize(
    ("status", "verdict"), [(404, "dead"), (410, "dead"), (401, "closed"), (403, "closed"), (500, "silent")]
)
def test_what_is_gone_is_told_from_what_is_closed_and_what_is_ill(status: int, verdict: str) -> None:
    outcomes, server = asked(lambda got: Reply(status), "/page")
    assert outcomes == [Outcome("/page", verdict, status)]
    assert [got.method for got in server.got] == ["HEAD", "GET"]


@pytest.mark.parametrize("status", [403, 404, 405, 501])
def test_a_server_that_does_not_like_head_is_asked_with_get(status: int) -> None:
    outcomes, _ = asked(lambda got: Reply(status if got.method == "HEAD" else 200), "/page")
    assert outcomes == [Outcome("/page", "ok", 200)]


def test_the_body_of_a_get_is_not_read() -> None:
    class Unread(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            raise AssertionError("the body is being read")

    def reply(request: httpx.Request) -> httpx.Response:
        return httpx.Response(405) if request.method == "HEAD" else httpx.Response(200, stream=Unread())

    time = Time()
    with httpx.Client(transport=httpx.MockTransport(reply)) as asking:
        outcomes = ask_all(["https://a.org/film.mp4"], Asker(asking, time.now, time.sleep))
    assert outcomes == [Outcome("https://a.org/film.mp4", "ok", 200)]


def test_a_pause_that_is_asked_for_is_kept_once() -> None:
    def reply(got: Got) -> Reply:
        return Reply(200) if time.s > 5 else Reply(429, {"retry-after": "7"})

    time = Time()
    outcomes, server = asked(reply, "/page", time=time)
    assert outcomes == [Outcome("/page", "ok", 200)]
    assert time.waits == [7.0]
    assert [got.method for got in server.got] == ["HEAD", "HEAD"]


def test_a_host_that_goes_on_asking_for_a_pause_is_left_alone() -> None:
    outcomes, server = asked(lambda got: Reply(429), "/a", "/b", "/c")
    assert [(each.url, each.verdict, each.status) for each in outcomes] == [
        ("/a", "closed", 429),
        ("/b", "not asked", None),
        ("/c", "not asked", None),
    ]
    assert [got.path for got in server.got] == ["/a", "/a"]


def test_a_pause_of_an_hour_is_not_waited_for() -> None:
    time = Time()
    outcomes, _ = asked(lambda got: Reply(429, {"retry-after": "3600"}), "/a", time=time)
    assert [each.verdict for each in outcomes] == ["closed"]
    assert time.waits == []


def test_a_server_that_does_not_answer_in_time_is_silent() -> None:
    held = threading.Event()

    def reply(got: Got) -> Reply:
        if got.path == "/slow":
            held.wait(60)
        return Reply(200)

    try:
        outcomes, _ = asked(reply, "/slow", "/quick", timeout_s=0.5)
    finally:
        held.set()
    assert outcomes[0] == Outcome("/slow", "silent", None, "no answer in time")
    assert outcomes[1].verdict in ("ok", "silent")


def test_one_host_is_asked_once_a_second() -> None:
    time = Time()
    asked(lambda got: Reply(200), "/a", "/b", "/c", time=time)
    assert time.waits == [1.0, 1.0]


def test_hosts_take_turns_and_each_address_comes_once() -> None:
    urls = ["https://a.org/1", "https://a.org/2", "https://a.org/1#x", "https://b.org/1", "https://c.org/1"]
    assert in_turn(urls) == ["https://a.org/1", "https://b.org/1", "https://c.org/1", "https://a.org/2"]


def test_without_a_network_it_ends_early_with_a_sentence() -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Name or service not known")

    time, tried = Time(), list[str]()
    with httpx.Client(transport=httpx.MockTransport(fail)) as asking, pytest.raises(ServerError, match="network"):
        ask_all([f"https://host{n}.org/" for n in range(50)], Asker(asking, time.now, time.sleep), tried.append)
    assert len(tried) == 4


def test_an_interrupt_keeps_what_there_is() -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        if request.url.host == "b.org":
            raise KeyboardInterrupt
        return httpx.Response(200)

    time = Time()
    with httpx.Client(transport=httpx.MockTransport(reply)) as asking:
        outcomes = ask_all([f"https://{n}.org/" for n in "abc"], Asker(asking, time.now, time.sleep))
    assert [each.verdict for each in outcomes] == ["ok", "not asked", "not asked"]


def test_the_table_names_each_place_the_worst_first_and_counts() -> None:
    known = [Link("https://a.org/x#y", "README.md:3"), Link("https://a.org/x", "configs/p.yaml, sources.s", "2026-10")]
    outcomes = [Outcome("https://b.org", "ok", 200), Outcome("https://a.org/x", "dead", 404)]
    outcomes.append(Outcome("https://c.org/1", "moved", 200, "301 to https://c.org/2"))
    text = "\n".join(report(outcomes, known))
    assert text.index("DEAD: 1") < text.index("404  https://a.org/x") < text.index("MOVED: 1")
    assert "in README.md:3\n" in text
    assert "in configs/p.yaml, sources.s (read 2026-10)" in text
    assert "301 to https://c.org/2" in text
    assert text.endswith("3 addresses: 1 ok, 1 moved, 1 dead.")


# --- from the terminal ------------------------------------------------------------------------------------------------


def lab(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "labkit", "facts", *words]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", cwd=ROOT)


def test_the_command_judges_by_form_and_asks_nobody_unless_told() -> None:
    done = lab("links")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "none malformed" in done.stdout
    assert "Nobody was asked" in done.stdout
    done = lab("links", "--only", "nowhere-at-all")
    assert (done.returncode, "no address" in done.stderr) == (1, True)
    done = lab("link")
    assert (done.returncode, "lab facts links" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    ("status", "code", "says"), [(200, 0, "1 ok"), (404, 1, "DEAD: 1"), (503, 1, "SILENT: 1"), (403, 0, "CLOSED: 1")]
)
def test_the_exit_status_says_whether_an_address_is_gone(
    status: int, code: int, says: str, monkeypatch: Any, capsys: Any
) -> None:
    from labkit import cli, linkcheck

    here = Link("https://docs.mistral.ai/api/", "README.md:1")
    monkeypatch.setattr(links, "links", lambda: [here])
    transport = httpx.MockTransport(lambda request: httpx.Response(status))
    monkeypatch.setattr("labkit.linking.client", lambda timeout_s: httpx.Client(transport=transport))
    monkeypatch.setattr(linkcheck, "APART_S", 0.0)
    monkeypatch.setattr("labkit.linkcheck.time.sleep", lambda seconds: None)
    assert cli.main(["facts", "links", "--live"]) == code
    assert says in capsys.readouterr().out


def test_a_malformed_link_alone_is_a_failure(monkeypatch: Any, capsys: Any) -> None:
    from labkit import cli

    monkeypatch.setattr(links, "links", lambda: [Link("http://docs.mistral.ai/", "README.md:1")])
    assert cli.main(["facts", "links"]) == 1
    assert "README.md:1: it does not begin with https://" in capsys.readouterr().out
