"""The config bench: a LibreChat endpoint in YAML beside the request it makes, and what the provider answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ipywidgets

from labkit.config import Config, read
from labkit.config.address import provider_at
from labkit.errors import LabError, ParameterError
from labkit.facts import CONFIGS
from labkit.view.html import Html, card, join, pre
from labkit.widgets.answering import AskingBoard
from labkit.widgets.benched import Benched, benched, endpoint_text, with_add, with_drop
from labkit.widgets.beside import Run
from labkit.widgets.board import Entry, choose, column, heading, row, toggle
from labkit.widgets.calls import Call, place_of
from labkit.widgets.fields import typed_json
from labkit.wire import Exchange

if TYPE_CHECKING:
    from labkit.session import Lab

VIEWS = ("request", "difference", "check")
# Fields that are often added, to be ticked; any other goes into the JSON beside them.
OFTEN: dict[str, Any] = {"seed": 7, "top_k": 40, "reasoning_effort": "low", "store": False}
PANEL = {"temperature": 0.7, "max_tokens": 100}


class ConfigBench(AskingBoard):
    """Controls over `benched`; made by `config_bench`.

    From code: `.endpoint`, `.text`, `.profile`, `.message`, `.chosen`, `.drop` (names) and `.add` (fields) are set;
    `.view` is the Benched, `.numbers()` and `.summary()` say what shows; `.send()` sends and waits.
    """

    def __init__(self, lab: Lab, config: Config, endpoint: str) -> None:
        super().__init__(lab, "Send this request to the lab's provider")
        self.config = config
        self._quiet = False
        wide = {"description_width": "initial"}
        names = [str(one.name) for one in config.endpoints if one.name]
        self._endpoint = ipywidgets.Dropdown(
            options=names, description="endpoint", style=wide, layout={"width": "220px"}
        )
        choose(self._endpoint, endpoint, "endpoint")
        self._profile, profiles = toggle("LibreChat", [("0.8", "current"), ("up to 0.7", "legacy")])
        self._text = ipywidgets.Textarea(
            endpoint_text(config, endpoint), description="YAML", rows=19, continuous_update=False, style=wide,
            layout={"width": "auto"},
        )  # fmt: skip
        self._message = self._line("message", "What is the capital of France?")
        self._chosen = self._line("set in the panel", json.dumps(PANEL))
        self._add = self._line("addParams", "{}")
        self._drops, self._adds = row(), row()
        self._which, views = toggle("show", VIEWS)
        self._request = ipywidgets.HTML()
        self.on(self._endpoint, self._endpoint_chosen)
        self.on(self._add, self._add_typed)
        for control in (self._text, self._profile, self._message, self._chosen):
            self.on(control, self._redraw)
        self.on(self._which, self._draw)
        left = column(self._text, self._message, self._chosen)
        right = column(
            heading("dropParams: take away"), self._drops, heading("addParams: put in"), self._adds, self._add,
            heading("The request"), views, self._request, heading("Answer"), self._answer,
        )  # fmt: skip
        self.build(row(self._endpoint, profiles, self._send, self._halt), self.status, row(left, right, kind="cols"))
        self._redraw()
        self._draw_answer()

    def _line(self, label: str, value: str) -> Any:
        return ipywidgets.Text(
            value, description=label, continuous_update=False, style={"description_width": "initial"},
            layout={"width": "auto"},
        )  # fmt: skip

    # what is on it ----------------------------------------------------------------------------------------------

    @property
    def view(self) -> Benched:
        """What the text means."""
        return benched(
            self._text.value,
            self._message.value,
            chosen=self.chosen,
            profile=str(self._profile.value),
            facts=self.lab.facts,
        )

    def numbers(self) -> dict[str, int]:
        """Bytes of the body without and with dropParams and addParams, and how many were saved."""
        return self.view.numbers()

    def summary(self) -> str:
        said = [str(self.view)]
        if self.call is not None:
            said.append(f"{self.call.state} {self.call.status or ''}: {self.call.problem or self.call.said}")
        return "\n".join(said)

    def html(self) -> Html:
        view = self.view
        text = view.text
        for secret in _secrets(text):
            text = text.replace(secret, "${YOUR_KEY}")
        return join(
            [card(view.name or "no endpoint", pre(text), "info"), Html(view._repr_html_()), self._answer_html()]
        )

    # set from code ----------------------------------------------------------------------------------------------

    endpoint = Entry()
    text = Entry()
    profile = Entry()
    message = Entry()

    @property
    def chosen(self) -> dict[str, Any]:
        """What the user set in LibreChat's panel; {} while the field is no JSON object."""
        found = _object(self._chosen.value)
        return {} if found is None else found

    @chosen.setter
    def chosen(self, values: Mapping[str, Any]) -> None:
        self._chosen.value = json.dumps(dict(values), ensure_ascii=False)

    @property
    def drop(self) -> list[str]:
        return list(self.view.dropped)

    @drop.setter
    def drop(self, names: Sequence[str]) -> None:
        if isinstance(names, str) or not all(isinstance(name, str) for name in names):
            raise ParameterError(f"{names!r} is no list of names", where="drop", right="Give ['temperature']")
        self._text.value = with_drop(self._text.value, names)

    @property
    def add(self) -> dict[str, Any]:
        return dict(self.view.added or {})

    @add.setter
    def add(self, fields: Mapping[str, Any]) -> None:
        self._text.value = with_add(self._text.value, fields)

    def send(self, timeout_s: float = 120.0) -> Call:
        """Send the request to the lab's provider, show the answer, and return the call when it is over."""
        self._sent()
        self.wait(timeout_s)
        self._newest.wait()
        if self.call is None:
            raise ParameterError(self.view.problem or "nothing can be sent", where="send")
        return self.call

    # moved by hand ----------------------------------------------------------------------------------------------

    def _endpoint_chosen(self) -> None:
        self._text.value = endpoint_text(self.config, self.endpoint)

    def _redraw(self) -> None:
        view = self.view
        self._quiet = True
        try:
            self._drops.children = [self._tick(name, name in view.dropped, self._dropped) for name in view.names()]
            added = dict(view.added or {})
            self._adds.children = [
                self._tick(f"{name}: {json.dumps(value)}", name in added, self._added) for name, value in OFTEN.items()
            ]
            self._add.value = json.dumps(added, ensure_ascii=False, default=str)
        finally:
            self._quiet = False
        wrong = (
            "" if _object(self._chosen.value) is not None else "What is set in the panel must be a JSON object: {…}."
        )
        self.say(view.problem or wrong, "warn")
        self._draw()

    def _tick(self, label: str, on: bool, action: Any) -> Any:
        box = ipywidgets.Checkbox(on, description=label, indent=False, layout={"width": "auto"})
        self.on(box, lambda: action(label, box.value))
        return box

    def _dropped(self, name: str, on: bool) -> None:
        kept = [each for each in self.view.dropped if each != name]
        self._text.value = with_drop(self._text.value, [*kept, name] if on else kept)

    def _added(self, label: str, on: bool) -> None:
        name = label.partition(":")[0]
        kept = {key: value for key, value in (self.view.added or {}).items() if key != name}
        self._text.value = with_add(self._text.value, {**kept, name: OFTEN[name]} if on else kept)

    def _add_typed(self) -> None:
        if self._quiet:
            return
        found = _object(self._add.value)
        if found is None:
            self.say("addParams must be a JSON object: {…}. The YAML is left as it was.", "warn")
        else:
            self._text.value = with_add(self._text.value, found)

    def _draw(self) -> None:
        view = self.view
        made = {"request": view.request_html, "difference": view.difference_html, "check": view.findings_html}
        self._request.value = str(made[str(self._which.value)]())

    def _sent(self) -> None:
        request = self.view.request
        self.call = None
        if request is None:
            self.say(self.view.problem, "warn")
            return
        provider = provider_at(str(request.url), self.lab.facts)
        if provider is None:
            self.say("Nobody whom the facts know is at that address, and the lab sends nothing there.", "warn")
            return
        call = Call(provider, self.view.body, place_of(self.lab, provider.id), self.lab.pace)
        self._begun(call)
        self.say(f"Sent to {provider.label}; waiting for its answer …")

        def work(run: Run) -> None:
            try:
                response = self.lab.send(request)
                call.answered(response)
                call.add(response.content)
                call.exchange = Exchange.of(response)
                call.ended()
            except (LabError, OSError, ValueError, RuntimeError) as error:
                call.broke(error, 60.0)
            except Exception as error:  # httpx's own, which are no OSError
                call.broke(error, 60.0)

        self.beside(work, lambda: self._over(call))


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = typed_json(text or "{}")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _secrets(text: str) -> frozenset[str]:
    from labkit.config import loads

    return loads(text).secrets


def config_bench(lab: Lab, config: Config | str | None = None, endpoint: str = "") -> ConfigBench:
    """A LibreChat endpoint and the request it makes, side by side.

    config: what `config.read` gave, or a path; the lab's own librechat.yaml unless given.  endpoint: the first unless
    given. Raises ConfigError where there is no such file or no endpoint in it, ParameterError for an unknown one.
    """
    found = read(CONFIGS / "librechat.yaml") if config is None else read(config) if isinstance(config, str) else config
    names = [str(one.name) for one in found.endpoints if one.name]
    if not names:
        raise ParameterError(
            "there is no custom endpoint in it", where=found.name, right="endpoints: custom: - name: …"
        )
    return ConfigBench(lab, found, endpoint or names[0])
