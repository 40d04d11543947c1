"""`lab facts links`: the lab's links from the terminal. The work is `links`' and `linkcheck`'s; here are the words."""

from __future__ import annotations

import sys

from labkit import links
from labkit.errors import ParameterError
from labkit.linkcheck import BAD, Asker, ask_all, client, report


def run(*, live: bool = False, only: str = "", timeout_s: float = 20.0) -> int:
    """Judge the form of every link, and with `live` ask each; 1 when one is malformed, gone or did not answer.

    only: a text that the address or its place must hold.  Raises LabError.
    """
    if not timeout_s > 0:
        raise ParameterError(f"{timeout_s:g} s is no time to wait", where="--timeout", right="Give more than 0")
    known = [link for link in links.links() if only.lower() in f"{link.url} {link.where}".lower()]
    if not known:
        raise ParameterError(f"no address and no place has {only!r} in it", where="--only")
    wrong = {link: said for link in known if (said := links.problems(link))}
    addresses = len({link.url for link in known})
    print(f"{len(known)} links to {addresses} addresses; {len(wrong) or 'none'} malformed.")
    for link, said in wrong.items():
        print(f"  {link.url}\n       in {link.where}: {'; '.join(said)}")
    if not live:
        print("Nobody was asked. With --live each address is, about one a second.")
        return 1 if wrong else 0
    asked = [link for link in known if link not in wrong and "://" in link.url]
    with client(timeout_s) as asking:
        outcomes = ask_all([link.url for link in asked], Asker(asking), _progress)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    print("\n".join(report(outcomes, asked)))
    return 1 if wrong or any(each.verdict in BAD for each in outcomes) else 0


def _progress(line: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{line[:78]}", end="", file=sys.stderr, flush=True)
