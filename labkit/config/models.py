"""Views of what a librechat.yaml declares: endpoints, model specs. Names are LibreChat's own.

A view never fails: a field of a wrong type is None in it (the check says so), and `raw` has it as it is. What LibreChat
keeps at run time is `raw` too, since it throws the schema's output away. Unknown keys are kept.
"""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from labkit.config.findings import masked, shown_path

Keys = tuple[str | int, ...]


class View(BaseModel):
    """Declared fields by their names; None where nothing, or nothing usable, is declared."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True, arbitrary_types_allowed=True)

    raw: dict[str, Any] = Field(default_factory=dict, repr=False)
    keys: Keys = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({masked(shown_path(self.keys))})"  # no value: one may be a key

    __str__ = __repr__

    def declares(self, name: str) -> bool:
        """Whether the file has the key, whatever its value."""
        return name in self.raw


class Models(View):
    """default: what the menu lists, as names or as {name, description}.  fetch: whether the provider is asked."""

    default: list[Any] | None = None
    fetch: bool | None = None
    userIdQuery: bool | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The model ids of `default`."""
        ids = (item.get("name") if isinstance(item, dict) else item for item in self.default or ())
        return tuple(name for name in ids if isinstance(name, str))


class CustomParams(View):
    """How the menu of parameters looks, and which defaults of it are sent."""

    defaultParamsEndpoint: str | None = None
    reasoningFormat: str | None = None
    reasoningKey: str | None = None
    includeReasoningContent: bool | None = None
    includeReasoningHistory: bool | None = None
    paramDefinitions: list[dict[str, Any]] | None = None


class Endpoint(View):
    """One entry of `endpoints.custom`, or a built-in endpoint."""

    name: str | None = None
    apiKey: str | None = Field(None, repr=False)
    baseURL: str | None = None
    models: Models | None = None
    iconURL: str | None = None
    modelDisplayLabel: str | None = None
    headers: dict[str, Any] | None = Field(None, repr=False)
    addParams: dict[str, Any] | None = None
    dropParams: list[str] | None = None
    customParams: CustomParams | None = None
    provider: str | None = None
    directEndpoint: bool | None = None
    titleConvo: bool | None = None
    titleModel: str | None = None
    titleMethod: str | None = None
    titlePrompt: str | None = None
    titlePromptTemplate: str | None = None
    titleEndpoint: str | None = None
    titleTiming: str | None = None
    titleMessageRole: str | None = None
    streamRate: float | None = None
    tokenConfig: dict[str, Any] | None = None
    maxToolResultChars: float | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """What it lacks of the four without which LibreChat leaves an endpoint out, in the words of the file.

        Source: packages/api/src/endpoints/custom/config.ts of LibreChat 0.8.8-rc1.
        """
        lacks = [name for name in ("name", "apiKey", "baseURL", "models") if not self.raw.get(name)]
        models = self.raw.get("models")
        if models and not (isinstance(models, dict) and (models.get("fetch") or models.get("default"))):
            lacks.append("models.default or models.fetch")
        return tuple(lacks)

    @property
    def kept(self) -> bool:
        """Whether LibreChat shows it at all."""
        return not self.missing


class Spec(View):
    """One entry of the menu that `modelSpecs` makes."""

    name: str | None = None
    label: str | None = None
    preset: dict[str, Any] | None = None
    description: str | None = None
    group: str | None = None
    groupIcon: str | None = None
    iconURL: str | None = None
    order: float | None = None
    default: bool | None = None
    softDefault: bool | None = None
    showOnLanding: bool | None = None
    showInMenu: bool | None = None
    showIconInMenu: bool | None = None
    showIconInHeader: bool | None = None
    conversation_starters: list[Any] | None = None


class ModelSpecs(View):
    """The top of `modelSpecs`."""

    enforce: bool | None = None
    prioritize: bool | None = None
    addedEndpoints: list[Any] | None = None


ViewT = TypeVar("ViewT", bound=View)
_INNER: dict[tuple[type[View], str], type[View]] = {
    (Endpoint, "models"): Models,
    (Endpoint, "customParams"): CustomParams,
}


def view(kind: type[ViewT], raw: dict[str, Any], keys: Keys) -> ViewT:
    """The mapping `raw`, found at `keys`, as a view."""
    declared: dict[str, Any] = {k: v for k, v in raw.items() if k not in ("raw", "keys")}
    for (owner, name), inner in _INNER.items():
        if owner is kind and isinstance(declared.get(name), dict):
            declared[name] = view(inner, declared[name], (*keys, name))
    for _ in range(2):
        try:
            return kind.model_validate({**declared, "raw": raw, "keys": keys})
        except ValidationError as error:
            for wrong in error.errors(include_url=False, include_context=False, include_input=False):
                _without(declared, wrong)
    return kind.model_construct(raw=raw, keys=keys)


def _without(declared: dict[str, Any], wrong: ErrorDetails) -> None:
    if wrong["loc"]:
        declared[str(wrong["loc"][0])] = None
