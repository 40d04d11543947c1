"""Sending it all: side by side, in a random order that a seed fixes, and every failure kept as a row."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from queue import Empty, SimpleQueue
from threading import Event
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from labkit.compare.result import Call, Comparison
from labkit.compare.target import Prompt, Target, body_of, target_of
from labkit.errors import LabError, ParameterError
from labkit.wire import Exchange

if TYPE_CHECKING:
    from labkit.session import Lab


class Task(NamedTuple):
    """One call to make: which prompt, which target."""

    prompt: int
    target: int


def compare(
    lab: Lab,
    prompts: Prompt | Sequence[Prompt],
    targets: Iterable[object] | None = None,
    *,
    n: int = 3,
    max_tokens: int = 64,
    stream: bool = True,
    workers: int | None = None,
    seed: int = 0,
    warm_up: bool = True,
    **fields: Any,
) -> Comparison:
    """Ask each target each prompt `n` times and keep what came.

    prompts: texts, or lists of messages; one alone will do.  targets: see `target_of`; all providers unless given.
    max_tokens: of an answer, under whatever name the provider has for it.  stream: False gives no first token's time.
    workers: calls under way at once. Unless given, targets are asked side by side and each its calls one after the
        other, so that the whole takes as long as the slowest target and no call slows another of its own.
    seed: fixes the random order.  warm_up: one short call to each target first, which no row tells of; a live provider
        is asked for its list of models instead, which costs nothing.
    fields: further fields of every request (`temperature=0`). One that a provider refuses makes rows that say so.
    Before its first live call it prints what all of them are expected to cost, and what at most.
    Raises ParameterError, FactsError; what goes wrong with a call is in its row.
    """
    asked = _prompts(prompts)
    chosen = [target_of(one, lab.facts) for one in (targets if targets is not None else _everybody(lab))]
    _check(asked, chosen, n, workers)
    tasks = [Task(p, t) for p in range(len(asked)) for t in range(len(chosen)) for _ in range(n)]
    random.Random(seed).shuffle(tasks)
    if workers is None:
        lanes = [[task for task in tasks if task.target == t] for t in range(len(chosen))]
        threads = len(lanes)
    else:
        lanes, threads = [[task] for task in tasks], min(workers, len(tasks))

    def body(task: Task) -> dict[str, Any]:
        target = chosen[task.target]
        provider = lab.facts[target.provider]
        return body_of(target, provider, asked[task.prompt], fields, max_tokens=max_tokens, stream=stream)

    distinct = [Task(p, t) for p in range(len(asked)) for t in range(len(chosen))]
    plan = lab.plan((chosen[task.target].provider, body(task), n) for task in distinct)
    if plan:
        print(plan, flush=True)
    stop, calls, order, logged = Event(), [], count(), len(lab.log)
    with ExitStack() as open_clients:
        clients = [open_clients.enter_context(lab.client(target.provider)) for target in chosen]
        if warm_up:
            with ThreadPoolExecutor(len(chosen)) as pool:
                list(pool.map(lambda pair: _warm(lab, *pair), zip(clients, chosen, strict=True)))

        def one(task: Task) -> Call:
            before = next(order)
            path = lab.facts[chosen[task.target].provider].address.paths["chat"]
            exchange, problem = _send(clients[task.target], path, body(task))
            return Call(task.prompt, task.target, before, exchange, problem)

        calls = _carry_out(lanes, threads, one, stop)
    lab.log.arrange(logged)
    return Comparison(lab, asked, chosen, calls, streamed=stream)


def _carry_out(lanes: list[list[Task]], threads: int, one: Callable[[Task], Call], stop: Event) -> list[Call]:
    """Every lane's tasks in their order, `threads` lanes at a time. An interrupt ends it after the calls under way."""
    waiting: SimpleQueue[list[Task]] = SimpleQueue()
    for lane in lanes:
        waiting.put(lane)

    def work() -> list[Call]:
        done: list[Call] = []
        while not stop.is_set():
            try:
                lane = waiting.get_nowait()
            except Empty:
                break
            for task in lane:
                if stop.is_set():
                    break
                done.append(one(task))
        return done

    with ThreadPoolExecutor(threads) as pool:
        try:
            return [call for future in [pool.submit(work) for _ in range(threads)] for call in future.result()]
        except BaseException:
            stop.set()
            raise


def _send(client: httpx.Client, path: str, body: Mapping[str, Any]) -> tuple[Exchange | None, str]:
    """The exchange, or None and why nothing was sent."""
    try:
        with client.stream("POST", path, json=body) as response:
            response.read()
            return Exchange.of(response), ""
    except LabError as error:
        return None, f"{type(error).__name__}: {error}"
    except httpx.HTTPError as error:
        return Exchange.of(error), ""


def _warm(lab: Lab, client: httpx.Client, target: Target) -> None:
    provider = lab.facts[target.provider]
    if lab.is_live(target.provider):
        try:
            client.get(provider.address.paths["models"])
        except (httpx.HTTPError, LabError):
            return  # the rows will say what is wrong
        return
    body = body_of(target, provider, "Warming up.", {}, max_tokens=1, stream=False)
    _send(client, provider.address.paths["chat"], body)


def _everybody(lab: Lab) -> list[str]:
    return [name for name in lab.facts if name != "lab"]


def _prompts(given: Any) -> list[Prompt]:
    """A list of prompts, from one alone (a text, or a list of messages) or several."""
    if isinstance(given, str) or (given and all(isinstance(one, Mapping) for one in given)):
        return [given]
    return list(given)


def _check(prompts: Sequence[Prompt], targets: Sequence[Target], n: int, workers: int | None) -> None:
    if not prompts or not targets:
        raise ParameterError("there is nothing to compare", where="compare", right="Give a prompt and a target")
    for name, value in (("n", n), ("workers", workers)):
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise ParameterError(f"{name}={value!r}", where="compare", right="It is a whole number, 1 or more")
    labels = [target.label for target in targets]
    if len(set(labels)) != len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        raise ParameterError(
            f"two targets are called {twice!r}", where="compare: targets", right="Give each a `label` of its own"
        )
