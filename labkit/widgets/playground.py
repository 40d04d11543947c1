"""The request playground: every documented field as a control, the request as it will be sent, and its answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ipywidgets

from labkit.config.difference import Difference, compare
from labkit.errors import ParameterError
from labkit.view.bodies import pretty
from labkit.view.curl import Command, curl
from labkit.view.html import Html, card, join, note, pre
from labkit.widgets.answering import AskingBoard
from labkit.widgets.beside import Run
from labkit.widgets.board import Entry, choose, column, heading, knob, row, toggle
from labkit.widgets.calls import Call, follow, place_of, request_of
from labkit.widgets.fields import APART, Field, Judged, body_of, field_of, fields_of, judged, judged_table, typed_json
from labkit.wire import Exchange

if TYPE_CHECKING:
    import httpx

    from labkit.facts import Provider
    from labkit.session import Lab

NOBODY = "nobody"
VIEWS = ("JSON", "curl", "all parameters", "difference")


class Setting:
    """One field of the request: its control, and a badge that says what becomes of it."""

    def __init__(self, field: Field, value: Any) -> None:
        self.field = field
        self.mark = ipywidgets.HTML()
        wide = {"description_width": "initial"}
        self.knob = None
        if field.kind == "slider":
            assert field.minimum is not None
            assert field.maximum is not None
            self.knob = knob(field.name, value, minimum=field.minimum, maximum=field.maximum, step=field.step)
            self.control, self.box = self.knob.slider, self.knob.box
        elif field.kind == "number":
            kind = ipywidgets.IntText if field.whole else ipywidgets.FloatText
            self.control = self.box = kind(value, description=field.name, style=wide, layout={"width": "auto"})
        elif field.kind in ("choice", "switch"):
            self.control = self.box = ipywidgets.Dropdown(
                options=[(json.dumps(choice).strip('"'), choice) for choice in field.choices],
                value=value,
                description=field.name,
                style=wide,
                layout={"width": "auto"},
            )
        else:
            self.control = self.box = ipywidgets.Text(
                json.dumps(value, ensure_ascii=False), description=field.name, style=wide, layout={"width": "auto"}
            )

    def value(self) -> Any:
        """The value as it goes into the body. Raises ValueError where the text is no JSON."""
        if self.field.kind == "json":
            return typed_json(self.control.value)
        value = self.control.value if self.knob is None else self.knob.value
        return int(value) if self.field.whole else value

    def set(self, value: Any) -> None:
        """Move the control. Raises ParameterError for what it cannot show."""
        name = self.field.name
        if self.knob is not None:
            self.knob.set(value)
        elif self.field.kind == "json":
            self.control.value = json.dumps(value, ensure_ascii=False)
        elif self.field.kind == "number":
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise ParameterError(f"{value!r} is no number", where=name, right="Give a number")
            self.control.value = int(value) if self.field.whole else float(value)
        else:
            choose(self.control, value, name)


class RequestPlayground(AskingBoard):
    """Controls over `fields.body_of` and `calls.follow`; made by `request_playground`.

    From code: `.provider`, `.model`, `.messages`, `.extra`, `.compare_with` are set; `.set(name, value)` and
    `.leave_out(name)`; `.body`, `.curl`, `.judged(name)`, `.difference` say what shows; `.send()` sends and waits.
    """

    def __init__(self, lab: Lab, provider: str, model: str, messages: Sequence[Mapping[str, str]]) -> None:
        super().__init__(lab, "Send this request")
        self._known: Provider = lab.facts[provider]
        self._settings: dict[str, Setting] = {}
        self._rows: list[tuple[Any, Any, Any]] = []
        self._quiet = False
        wide = {"description_width": "initial"}
        places = list(lab.facts)
        self._provider = ipywidgets.Dropdown(
            options=places, value=provider, description="provider", style=wide, layout={"width": "190px"}
        )
        self._model = ipywidgets.Dropdown(description="model", style=wide, layout={"width": "300px"})
        self._other = ipywidgets.Dropdown(
            options=[NOBODY, *places], description="compare with", style=wide, layout={"width": "220px"}
        )
        self._talk = column(kind="talk")
        self._list = column(kind="fields")
        self._add = ipywidgets.Dropdown(description="add a field", style=wide, layout={"width": "auto"})
        self._extra = ipywidgets.Textarea(
            "", description="more JSON", rows=2, placeholder='{"any_field": 1}', style=wide, layout={"width": "auto"}
        )
        self._view, self._views = toggle("show", VIEWS)
        self._request = ipywidgets.HTML()
        self._quiet = True
        self._models(model)
        self.messages = list(messages)
        self._quiet = False
        self._fields(["temperature", "max_tokens"])
        self.on(self._provider, self._provider_changed)
        self.on(self._model, self._redraw)
        self.on(self._other, self._other_changed)
        self.on(self._view, self._draw_request)
        self.on(self._extra, self._redraw)
        self.on(self._add, self._added)
        self._lay_out()
        self._redraw()

    def _lay_out(self) -> None:
        say = self.press("Add a message", lambda: self._add_message("user", ""), hint="Add a row below the last")
        side = column(
            heading("Messages"), self._talk, say, heading("Fields"), self._list, self._add, self._extra, kind="form"
        )
        main = column(heading("Request"), self._views, self._request, heading("Answer"), self._answer)
        self.build(
            row(self._provider, self._model, self._other, self._send, self._halt),
            self.status,
            row(side, main, kind="cols"),
        )
        self._draw_answer()

    # what is on it ----------------------------------------------------------------------------------------------

    @property
    def fields(self) -> dict[str, Any]:
        """The fields beside model, messages and stream, as they will be sent; what is no JSON is left out."""
        found: dict[str, Any] = {}
        for name, setting in self._settings.items():
            try:
                found[name] = setting.value()
            except ValueError:
                continue
        return {**found, **self.extra}

    @property
    def body(self) -> dict[str, Any]:
        """The body as it will be sent."""
        return body_of(self._known, str(self._model.value), self.messages, self.fields)

    @property
    def request(self) -> httpx.Request:
        """The request as it will be sent."""
        return self._request_to(self._known, self.body)

    @property
    def curl(self) -> Command:
        """The same for a terminal."""
        return curl(self.request, variable=(self._known.key.variables or ("API_KEY",))[0])

    @property
    def difference(self) -> Difference:
        """What differs from the request to the provider chosen beside it. Raises ParameterError where none is."""
        if self._other.value == NOBODY:
            raise ParameterError("nobody is compared", where="difference", right="Set .compare_with to a provider")
        other = self.lab.facts[self._other.value]
        body = body_of(other, self.lab.model(other.id), self.messages, self.fields)
        return without_key(compare(self.request, self._request_to(other, body)), self._known, other)

    def judged(self, name: str) -> Judged:
        """What becomes of a field here and now, with its source."""
        return judged(self._known, self._known.models.get(str(self._model.value)), self.body, name)

    def summary(self) -> str:
        marks = [f"  {name}: {one.fate}{', ' + one.why if one.why else ''} [{one.source}]"
                 for name in self.fields for one in [self.judged(name)]]  # fmt: skip
        sent = [
            f"POST {self._known.label} {self._model.value}",
            pretty(json.dumps(self.body, ensure_ascii=False)) or "",
        ]
        call = self.call
        if call is None:
            return "\n".join([*sent, *marks])
        figures = " · ".join(f"{name} {value}" for name, value in call.figures(self.lab) if name not in UNSTEADY)
        return "\n".join([*sent, *marks, "", f"{call.state}: {figures}", call.problem or call.said])

    def html(self) -> Html:
        said = self._answer_html()
        return join(
            [card(f"Request to {self._known.label}", join([self._json_html(), self._marks_html()]), "info"), said]
        )

    # set from code ----------------------------------------------------------------------------------------------

    provider = Entry()
    model = Entry()
    compare_with = Entry("_other")

    @property
    def messages(self) -> list[dict[str, str]]:
        return [{"role": role.value, "content": text.value} for role, text, _ in self._rows]

    @messages.setter
    def messages(self, messages: Sequence[Mapping[str, str]]) -> None:
        for message in messages:
            if not {"role", "content"} <= set(message):
                raise ParameterError(f"{message!r} is no message", where="messages", right="Give role and content")
        self._rows.clear()
        for message in messages:
            self._add_message(message["role"], message["content"])

    @property
    def extra(self) -> dict[str, Any]:
        """Further fields, from the JSON below the controls; {} while that is no JSON object."""
        try:
            found = typed_json(self._extra.value or "{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @extra.setter
    def extra(self, fields: Mapping[str, Any]) -> None:
        self._extra.value = json.dumps(dict(fields), ensure_ascii=False) if fields else ""

    def set(self, name: str, value: Any) -> None:
        """Give a field a value; one that has no control yet gets one. Raises ParameterError outside its range."""
        if name in APART:
            raise ParameterError(f"{name!r} has a control of its own", where="set", right=f"Set .{name} instead")
        if name in self._settings:
            self._settings[name].set(value)
            return
        setting = Setting(field_of(self._known, name), self._start(name))
        setting.set(value)
        self._put(name, setting)

    def leave_out(self, name: str) -> None:
        """Take a field out of the request."""
        if self._settings.pop(name, None) is None:
            raise ParameterError(f"{name!r} is not in the request", where="leave_out")
        self._list_fields()
        self._redraw()

    def send(self, timeout_s: float = 60.0) -> Call:
        """Send the request, show the answer as it comes, and return the call when it is over."""
        self._sent(timeout_s)
        self.wait(timeout_s * 3)
        self._newest.wait()
        assert self.call is not None
        return self.call

    # moved by hand ----------------------------------------------------------------------------------------------

    def _provider_changed(self) -> None:
        old, self._known = self._settings, self.lab.facts[self._provider.value]
        dropped = []
        values: dict[str, Any] = {}
        for name, setting in old.items():
            try:
                values[name] = setting.value()
            except ValueError:
                continue
        self._settings = {}
        self._quiet = True
        self._models(self.lab.model(self._known.id))
        for name, value in values.items():
            try:
                self.set(name, value)
            except ParameterError:
                dropped.append(name)
        self._quiet = False
        if self._known.dialect == "anthropic-messages" and "max_tokens" not in self._settings:
            self.set("max_tokens", 128)
        self._list_fields()
        self._redraw()
        if dropped:
            self.say(f"Left out, as {self._known.label} does not take them so: {', '.join(dropped)}.", "warn")

    def _other_changed(self) -> None:
        self._view.value = "difference" if self._other.value != NOBODY else "JSON"
        self._draw_request()

    def _models(self, wanted: str) -> None:
        alive = self._known.alive(self.lab.clock.now())
        names = [name for name, model in alive.items() if model.alias_of is None] or list(alive)
        if wanted not in names:
            names.append(wanted)
        self._model.options = names
        self._model.value = wanted

    def _fields(self, names: Sequence[str]) -> None:
        for name in names:
            if name in self._known.parameters:
                self._settings[name] = self._wired(name, Setting(field_of(self._known, name), self._start(name)))
        self._list_fields()

    def _start(self, name: str) -> Any:
        return field_of(self._known, name).start

    def _wired(self, name: str, setting: Setting) -> Setting:
        self.on(setting.knob or setting.control, self._redraw)
        return setting

    def _put(self, name: str, setting: Setting) -> None:
        self._settings[name] = self._wired(name, setting)
        if not self._quiet:
            self._list_fields()
            self._redraw()

    def _added(self) -> None:
        name = self._add.value
        if name:
            self.set(name, self._start(name))

    def _list_fields(self) -> None:
        parts = []
        for name, setting in self._settings.items():
            out = self.press("×", lambda name=name: self.leave_out(name), hint=f"Leave {name} out")  # type: ignore[misc]
            out.add_class("lab-x")
            line = row(setting.box, out, kind="field")
            parts += [line, setting.mark]
        self._list.children = parts
        left = [name for name in fields_of(self._known) if name not in self._settings]
        shown = [(f"{name} ({self._known.parameters[name].fate})", name) for name in left]
        self._add.options = [("choose one …", ""), *shown]
        self._add.value = ""

    def _add_message(self, role: str, content: str) -> None:
        roles = list(dict.fromkeys([*(self._known.roles or ()), "system", "user", "assistant", role]))
        roles = [each for each in roles if each in ("system", "developer", "user", "assistant", role)]
        who = ipywidgets.Dropdown(
            options=roles,
            value=role,
            description="role",
            style={"description_width": "initial"},
            layout={"width": "auto"},
        )
        text = ipywidgets.Textarea(
            content, rows=2, description="says", style={"description_width": "initial"}, layout={"width": "auto"}
        )
        entry: tuple[Any, Any, Any] = (who, text, None)
        out = self.press("×", lambda: self._drop_message(who), hint="Take this message away")
        out.add_class("lab-x")
        entry = (who, text, column(row(who, out, kind="field"), text, kind="message"))
        self._rows.append(entry)
        self.on(who, self._redraw)
        self.on(text, self._redraw)
        self._talk.children = [box for _, _, box in self._rows]
        if not self._quiet:
            self._redraw()

    def _drop_message(self, who: Any) -> None:
        self._rows = [entry for entry in self._rows if entry[0] is not who]
        self._talk.children = [box for _, _, box in self._rows]
        self._redraw()

    def _redraw(self) -> None:
        if self._quiet or self._model.value is None:
            return
        body, model = self.body, self._known.models.get(self._model.value)
        for name, setting in self._settings.items():
            one = judged(self._known, model, body, name)
            setting.mark.value = note(
                join(
                    [
                        one.html(),
                        f" · {setting.field.range} · {one.brief}" if setting.field.range else f" · {one.brief}",
                    ]
                )
            )
        wrong = self._not_json()
        if wrong:
            self.say(wrong, "warn")
        elif not self.busy and (self.call is None or not self.call.problem):
            self.say()
        self._draw_request()

    def _not_json(self) -> str:
        for name, setting in self._settings.items():
            try:
                setting.value()
            except ValueError as error:
                return f"{name} is not JSON yet ({error}) and is left out; a text is written in quotes."
        try:
            found = typed_json(self._extra.value or "{}")
        except ValueError as error:
            return f"More JSON is not JSON yet ({error}) and is left out."
        return "" if isinstance(found, dict) else "More JSON must be an object: {…}. It is left out."

    def _request_to(self, provider: Provider, body: Mapping[str, Any]) -> httpx.Request:
        with self.lab.client(provider.id) as client:
            return request_of(client, provider, body)

    def _json_html(self) -> Html:
        request = self.request
        text = pretty(request.content.decode("utf-8")) or request.content.decode("utf-8")
        return join([note(f"POST {Exchange.of(request).request.url} · {len(request.content):,} bytes"), pre(text)])

    def _marks_html(self) -> Html:
        marks = [self.judged(name) for name in self.fields]
        return join([note(join([f"{one.name}: ", one.html(), f" · {one.source}"])) for one in marks])

    def _draw_request(self) -> None:
        view = self._view.value
        if view == "JSON":
            made: Html | str = self._json_html()
        elif view == "curl":
            made = pre(self.curl)
        elif view == "difference":
            if self._other.value == NOBODY:
                made = note("Choose above whom to compare with.")
            else:
                made = self.difference._repr_html_()
        else:
            made = judged_table(self._known, self._known.models.get(self._model.value), self.body)
        self._request.value = str(made)

    def _sent(self, timeout_s: float = 60.0) -> None:
        known, body = self._known, self.body
        call = Call(known, body, place_of(self.lab, known.id), self.lab.pace)
        self._begun(call)
        self.say(f"Sent to {known.label}; waiting for its answer …")

        def work(run: Run) -> None:
            follow(self.lab, call, tell=self._newest.ask, run=run, timeout_s=timeout_s)

        self.beside(work, lambda: self._over(call))


def without_key(difference: Difference, *providers: Provider) -> Difference:
    """The same without the headers that carry a key: that two keys differ is no news, even where both are fakes."""
    hidden = {f"header {provider.key.header.lower()}" for provider in providers}
    lines = tuple(line for line in difference.lines if line.where.lower() not in hidden)
    return Difference(lines, difference.first, difference.second)


UNSTEADY = ("first byte", "total")  # figures that no two calls have alike


def request_playground(
    lab: Lab,
    provider: str = "lab",
    *,
    model: str = "",
    messages: Sequence[Mapping[str, str]] | str = "Tell me a joke.",
    **fields: Any,
) -> RequestPlayground:
    """A request to build, read and send.

    model: the provider's chat model unless given.  messages: rows of role and content, or what the user says.
    fields: which fields it begins with (temperature=0.3).
    Raises FactsError for an unknown provider, ParameterError for a field or value that has no control.
    """
    if isinstance(messages, str):
        messages = [{"role": "system", "content": ""}, {"role": "user", "content": messages}]
    board = RequestPlayground(lab, provider, model or lab.model(provider), messages)
    for name, value in fields.items():
        board.set(name, value)
    return board
