"""The command `lab`, which `python lab.py` hands its words to. One small function a word; the work is done elsewhere.

Each word imports what it needs when it runs, so that `lab keys` does not wait for Jupyter. What the lab refuses is
printed as its sentence, with exit status 1; a wrong command line is exit status 2.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from labkit.errors import LabError, ParameterError, did_you_mean

Words = argparse.Namespace


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command line (without the program's name) and return the exit status."""
    from labkit.proxies import spare_loopback

    given = list(sys.argv[1:] if arguments is None else arguments)
    spare_loopback(os.environ)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if not given or (given[0].startswith("-") and given[0] not in ("-h", "--help")):
        given.insert(0, "open")
    if given[0] == "test":  # pytest's arguments are not ours to read
        return _said(test, argparse.Namespace(arguments=given[1:]))
    words = parser().parse_args(given)
    return _said(words.carry_out, words)


def _said(carry_out: Callable[[Words], int], words: Words) -> int:
    try:
        return carry_out(words)
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        if "invalid choice:" in message:
            word = message.split("invalid choice: ")[1].split("'")[1]
            near = did_you_mean(word, WORDS)
            message = f"there is no {word!r}. {near or 'There are: ' + ', '.join(WORDS) + '.'}"
        self.exit(2, f"{self.prog}: {message}\n")


def parser() -> argparse.ArgumentParser:
    """The whole command line as argparse knows it."""
    top = _Parser(prog="lab", description="A lab for understanding LLM APIs. Without a word it opens JupyterLab.")
    below = top.add_subparsers(metavar="WORD", required=True, parser_class=_Parser)
    for name, (carry_out, options) in WORDS.items():
        line = (carry_out.__doc__ or "").split("\n")[0]
        one = below.add_parser(name, help=line, description=line)
        options(one)
        one.set_defaults(carry_out=carry_out)
    return top


def open_(words: Words) -> int:
    """Open JupyterLab on your copy of notebook 00."""
    from labkit.desk import open_lab

    return open_lab(port=words.port, browser=words.browser)


def test(words: Words) -> int:
    """Run all tests; arguments after it go to pytest."""
    from labkit.suite import run_tests

    return run_tests(words.arguments)


def serve(words: Words) -> int:
    """Run the local providers on a fixed port, for curl, SDKs and LibreChat."""
    from labkit.serving import serve

    return serve(
        port=words.port,
        host=words.host,
        allow_hosts=words.allow_host,
        day=words.day,
        pace=words.pace,
        tiers=dict(words.tier),
        as_json=words.json,
    )


def doctor(words: Words) -> int:
    """Look at everything the lab stands on and say what is amiss."""
    from labkit.doctor import examine

    findings = examine()
    print("\n".join(str(finding) for finding in findings))
    return 1 if any(finding.amiss for finding in findings) else 0


def keys(words: Words) -> int:
    """Say which key variables are set; never what they hold."""
    from labkit.doctor import key_lines

    print("\n".join(key_lines()))
    return 0


def facts(words: Words) -> int:
    """List oldest facts, next retirements, unknowns; `check FILE` compares prices, `links` looks at the sources."""
    if words.check == "links" and not words.file:
        from labkit.linking import run

        return run(live=words.live, only=words.only, timeout_s=words.timeout)
    if words.check:
        if words.check != "check" or not words.file:
            raise ParameterError(
                f"{words.check!r} is not what `lab facts` takes",
                right="Write `lab facts`, `lab facts check FILE` or `lab facts links`",
            )
        from labkit.pricetable import check_lines

        told, differs = check_lines(words.file, words.day)
        print("\n".join(told))
        return 1 if differs else 0
    from labkit.almanac import lines

    print("\n".join(lines(words.day)))
    return 0


def probe(words: Words) -> int:
    """Send each parameter to a provider in turn: refused, ignored or honoured, beside what the facts say."""
    from labkit.probing import run

    return run(
        words.provider,
        model=words.model,
        body=words.body,
        only=words.only,
        native=words.native,
        live=words.live,
        budget_usd=words.budget,
        day=words.day,
        as_json=words.json,
    )


def config(words: Words) -> int:
    """Check, explain, show the menu of, or export a LibreChat configuration."""
    from labkit.configuring import run

    return run(
        words.action,
        words.file,
        words.endpoint,
        profile=words.profile,
        format=words.format,
        output=words.output,
        day=words.day,
    )


def progress(words: Words) -> int:
    """Show the map of the course: what is done, what is open, how many minutes are left."""
    from labkit.exercises.map import drawn
    from labkit.exercises.progress import Progress
    from labkit.keys import lab_home

    kept = Progress(lab_home() / "progress.json")
    if words.reset:
        old = kept.reset()
        print(f"Progress begins anew; what it was is in {old}." if old else "There is no progress yet.")
        return 0
    print(drawn(kept.read(), str(kept.path)))
    return 0


def fresh(words: Words) -> int:
    """Put a new copy of a notebook beside yours."""
    from labkit.copies import desk, sign
    from labkit.keys import lab_home

    copy = desk().fresh(words.number)
    sign([copy], lab_home() / "jupyter")
    print(f"my/{copy.name} is new; your own copy stays as it is.")
    return 0


def _none(one: argparse.ArgumentParser) -> None:
    pass


def _open_options(one: argparse.ArgumentParser) -> None:
    one.add_argument("--port", type=int, help="exactly this port (else the first free one from 8888)")
    one.add_argument("--no-browser", dest="browser", action="store_false", help="print the address, open nothing")


def _test_options(one: argparse.ArgumentParser) -> None:
    one.add_argument("arguments", nargs="*", help="what pytest is to be told")


def _serve_options(one: argparse.ArgumentParser) -> None:
    one.add_argument("--port", type=int, default=8765, help="8765 unless given")
    one.add_argument(
        "--host", default="127.0.0.1", help="another address to listen on, for a container; off by default"
    )
    one.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME", help="a Host header to answer to as well"
    )
    one.add_argument("--day", help="make the providers what they were on that day, YYYY-MM-DD")
    one.add_argument(
        "--pace", choices=("real", "quick"), default="real", help="answer as fast as the real ones, or at once"
    )
    one.add_argument(
        "--tier",
        action="append",
        default=[],
        type=_tier,
        metavar="PROVIDER=TIER",
        help="rate limits of another account",
    )
    one.add_argument("--json", action="store_true", help="print one line of JSON and nothing else")


def _tier(text: str) -> tuple[str, str]:
    provider, equals, tier = text.partition("=")
    if not (provider and equals and tier):
        raise argparse.ArgumentTypeError(f"{text!r} is no tier; write it like groq=free")
    return provider, tier


def _day_option(one: argparse.ArgumentParser) -> None:
    one.add_argument("--day", help="as of that day, YYYY-MM-DD")


def _facts_options(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "check", nargs="?", metavar="check|links", help="compare prices with a table; or look at every source's address"
    )
    one.add_argument(
        "file", nargs="?", metavar="FILE", help="the table: CSV, or JSON of LiteLLM, models.dev, llm-prices"
    )
    one.add_argument(
        "--live", action="store_true", help="links: ask each address, one a second and host; no key is sent"
    )
    one.add_argument("--only", default="", metavar="TEXT", help="links: only addresses and places with TEXT in them")
    one.add_argument("--timeout", type=float, default=20.0, metavar="S", help="links: seconds to wait for each; 20")
    _day_option(one)


def _probe_options(one: argparse.ArgumentParser) -> None:
    one.add_argument("provider", metavar="PROVIDER", help="openai, deepseek, mistral, …")
    one.add_argument("--model", help="the provider's chat model unless given")
    one.add_argument("--body", metavar="JSON", help='fields of every request: \'{"thinking": {"type": "disabled"}}\'')
    one.add_argument(
        "--only", action="append", default=[], metavar="PARAMETER", help="this parameter alone; repeatable"
    )
    one.add_argument("--native", action="store_true", help="Ollama: its own /api/chat in place of /v1")
    one.add_argument("--live", action="store_true", help="the real provider; needs its key and costs money")
    one.add_argument(
        "--budget", default="0.25", metavar="USD", help="what all live requests may cost; 0.25 unless given"
    )
    one.add_argument("--json", action="store_true", help="print JSON and nothing else")
    _day_option(one)


def _config_options(one: argparse.ArgumentParser) -> None:
    one.add_argument("action", metavar="ACTION", help="check, explain, menu or export")
    one.add_argument("file", metavar="FILE", help="a librechat.yaml")
    one.add_argument("endpoint", nargs="?", default="", metavar="ENDPOINT", help="explain: this endpoint alone")
    one.add_argument("--profile", default="", help="current (LibreChat 0.8) or legacy (up to 0.7); that of the day")
    one.add_argument("--format", default="librechat", help="export: librechat, litellm, env or postman")
    one.add_argument("--output", default="", metavar="PATH", help="export: write to this file")
    _day_option(one)


def _progress_options(one: argparse.ArgumentParser) -> None:
    one.add_argument("--reset", action="store_true", help="begin anew; the old file stays beside the new one")


def _number_option(one: argparse.ArgumentParser) -> None:
    one.add_argument("number", help="the notebook's number, such as 03")


WORDS: dict[str, tuple[Callable[[Words], int], Callable[[argparse.ArgumentParser], None]]] = {
    "open": (open_, _open_options),
    "test": (test, _test_options),
    "serve": (serve, _serve_options),
    "doctor": (doctor, _none),
    "keys": (keys, _none),
    "facts": (facts, _facts_options),
    "probe": (probe, _probe_options),
    "config": (config, _config_options),
    "progress": (progress, _progress_options),
    "fresh": (fresh, _number_option),
}
