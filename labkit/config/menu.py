"""The menu that a LibreChat user sees: model specs in their groups, endpoints and models, and the answer's label."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit.config.request import missing, model_names
from labkit.keys import scrub

if TYPE_CHECKING:
    from labkit.config.file import Config

_BY_MODEL = (
    (re.compile(r"\bo\d+\b", re.IGNORECASE), lambda m: m[0]),
    (re.compile(r"mistral|codestral", re.IGNORECASE), lambda m: "Mistral"),
    (re.compile(r"deepseek", re.IGNORECASE), lambda m: "Deepseek"),
    (re.compile(r"kimi", re.IGNORECASE), lambda m: "Kimi"),
    (re.compile(r"moonshot", re.IGNORECASE), lambda m: "Moonshot"),
    (re.compile(r"gpt-[\w.]+", re.IGNORECASE), lambda m: "GPT" + m[0][3:]),
)


@dataclass(frozen=True)
class Entry:
    """A line of the menu. kind: 'spec', 'endpoint' or 'model'.  icon: what is shown before it, as text."""

    kind: str
    label: str
    note: str = ""
    icon: str = ""
    default: bool = False
    below: tuple[Entry, ...] = ()

    def lines(self, depth: int = 0) -> list[str]:
        """This entry and those below it, indented."""
        mark = "● " if self.default else "· " if self.kind != "endpoint" else "▸ "
        icon = f"[{self.icon}] " if self.icon else ""
        head = f"{'  ' * depth}{mark}{icon}{self.label}{f'  ({self.note})' if self.note else ''}"
        return [head, *(line for entry in self.below for line in entry.lines(depth + 1))]


@dataclass(frozen=True)
class Menu:
    """The whole menu, and remarks on what is not in it."""

    entries: tuple[Entry, ...]
    remarks: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [line for entry in self.entries for line in entry.lines()]
        return scrub("\n".join([*(lines or ["(an empty menu)"]), *(f"Note: {remark}" for remark in self.remarks)]))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from labkit.view.html import card, details, join, note, pre

        parts = []
        for entry in self.entries:
            if any(one.kind == "model" for one in entry.below):  # closed until it is clicked, as in LibreChat
                head, *below = entry.lines()
                parts.append(details(head.removeprefix("▸ "), pre("\n".join(below))))
            else:
                parts.append(pre("\n".join(entry.lines())))
        parts = parts or [pre("(an empty menu)")]
        return scrub(card("The menu in LibreChat", join([*parts, *map(note, self.remarks)])))


def menu(config: Config) -> Menu:
    """What LibreChat lists: specs first, by `order`; then endpoints with their models, unless specs hide them."""
    data = config.data if isinstance(config.data, dict) else {}
    specs = data.get("modelSpecs") if isinstance(data.get("modelSpecs"), dict) else {}
    interface = data.get("interface") if isinstance(data.get("interface"), dict) else {}
    assert isinstance(specs, dict)
    assert isinstance(interface, dict)
    kept = [e for e in config.endpoints if not missing(e.raw)]
    names = [str(e.name) for e in kept]
    remarks = [
        f"{e.raw.get('name') or 'an endpoint without a name'} is not there: {' and '.join(missing(e.raw))} missing."
        for e in config.endpoints
        if missing(e.raw)
    ]
    listed = [s for s in config.specs if s.raw.get("showInMenu") is not False]
    listed.sort(key=lambda s: s.raw["order"] if isinstance(s.raw.get("order"), (int, float)) else float("inf"))
    top = [_spec(s.raw) for s in listed if not s.raw.get("group")]
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for spec in listed:
        if spec.raw.get("group"):
            groups.setdefault(str(spec.raw["group"]), []).append(spec.raw)
    entries = list(top)
    for group, members in groups.items():
        if group not in names:
            icon = next((str(m["groupIcon"]) for m in members if m.get("groupIcon")), "")
            entries.append(Entry("endpoint", group, icon=icon, below=tuple(_spec(m) for m in members)))
    shown = not listed or interface.get("modelSelect") is True or bool(specs.get("addedEndpoints"))
    if listed and specs.get("enforce") is True:
        shown, remark = False, "`enforce: true`: nobody may use anything but these specs."
        remarks.append(remark)
    elif listed and not shown:
        remarks.append("Model specs hide the endpoints' own menu; `interface: {modelSelect: true}` brings it back.")
    added = specs.get("addedEndpoints")
    for endpoint in kept:
        name = str(endpoint.name)
        inner = tuple(_spec(m) for m in groups.get(name, ()))
        visible = shown and (not listed or not isinstance(added, list) or name in added)
        if not visible and not inner:
            continue
        models = tuple(_models(endpoint.raw)) if visible else ()
        icon = str(endpoint.raw.get("iconURL") or "")
        usual = str(endpoint.raw.get("modelDisplayLabel") or "AI")
        told = f"answers as {usual}" if models and usual != name else ""
        entries.append(Entry("endpoint", name, told, icon, below=(*inner, *models)))
    return Menu(tuple(entries), tuple(remarks))


def label_of(raw: Mapping[str, Any], model: str, preset_label: str = "") -> str:
    """Who an answer comes from, on the screen: the preset's label, one from the model's id, else the endpoint's.

    >>> label_of({"modelDisplayLabel": "Mistral"}, "mistral-small"), label_of({"modelDisplayLabel": "Groq"}, "qwen3")
    ('Mistral', 'Groq')
    """
    if preset_label:
        return preset_label
    for pattern, named in _BY_MODEL:
        found = pattern.search(model)
        if found:
            return named(found)
    return str(raw.get("modelDisplayLabel") or "AI")


def _spec(raw: Mapping[str, Any]) -> Entry:
    preset = raw.get("preset") if isinstance(raw.get("preset"), dict) else {}
    assert isinstance(preset, dict)
    told = " · ".join(str(part) for part in (raw.get("description"), preset.get("model")) if part)
    icon = str(raw.get("iconURL") or "") if raw.get("showIconInMenu") is not False else ""
    return Entry("spec", str(raw.get("label") or raw.get("name") or "?"), told, icon, raw.get("default") is True)


def _models(raw: Mapping[str, Any]) -> list[Entry]:
    names = model_names(raw)
    models = raw.get("models")
    fetched = isinstance(models, dict) and models.get("fetch") is True
    usual = str(raw.get("modelDisplayLabel") or "AI")
    labels = {name: label_of(raw, name) for name in names}
    entries = [
        Entry("model", name, "" if label in (name, usual) else f"answers as {label}") for name, label in labels.items()
    ]
    return [*entries, *([Entry("model", "…", "and what the provider's own list has")] if fetched else [])]
