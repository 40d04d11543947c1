"""Ollama's models on this machine: which are there, which are loaded and until when, and how /api tells of them.

A model loads at its first call and stays for five minutes after its last answer, by the lab's clock: the first call is
slow, and `clock.advance(301)` makes the next one slow again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from labkit.facts.native import Native
from labkit.facts.provider import Provider
from labkit.facts.schema import ModelFacts, edge
from labkit.sim.call import Call
from labkit.sim.ollama_json import instant

FOREVER = timedelta(days=106751, seconds=85636)  # Go's longest duration: 2^63 nanoseconds
MEMORY = 1.08  # of a model's size: the size in memory that was captured, without the context
BYTES_PER_CONTEXT_TOKEN = 114688


@dataclass(frozen=True)
class Loaded:
    """A model in memory: until when, and with how much room for a conversation."""

    model: ModelFacts
    until: datetime
    context_tokens: int


def native_of(provider: Provider) -> Native:
    """The facts of Ollama's own API."""
    assert provider.native is not None, f"{provider.id} has no API of its own"
    return provider.native


def running(call: Call) -> dict[str, Loaded]:
    """The loaded models by their full names, those whose time is over removed."""
    loaded: dict[str, Loaded] = call.world.memory.setdefault(call.provider.id, {})
    now = call.world.clock.now()
    for name in [name for name, each in loaded.items() if each.until <= now]:
        del loaded[name]
    return loaded


def load(call: Call, model: ModelFacts, context_tokens: int, keep_alive_s: float | None) -> float:
    """Have `model` in memory with that much context: the seconds it takes.

    keep_alive_s: how long it stays after this request, None for the usual time.
    """
    native, name = native_of(call.provider), full_name(call.provider, model)
    before, now = running(call).get(name), call.world.clock.now()
    stay = native.keep_alive_s if keep_alive_s is None else keep_alive_s
    until = now + min(FOREVER, timedelta(seconds=min(stay, FOREVER.total_seconds())))
    running(call)[name] = Loaded(model, until, context_tokens)
    return native.loaded_s if before and before.context_tokens == context_tokens else native.load_s


def unload(call: Call, model: ModelFacts) -> None:
    """Have it out of memory."""
    running(call).pop(full_name(call.provider, model), None)


def full_name(provider: Provider, model: ModelFacts) -> str:
    """The model's name with its tag, however it was asked for."""
    name = model.id.lower()
    return name if ":" in name else name + (provider.default_tag or "")


# --- as /api tells of them ----------------------------------------------------------------------------------------


def tags(provider: Provider, models: Mapping[str, ModelFacts]) -> dict[str, Any]:
    """What GET /api/tags answers, the newest model first."""
    newest = sorted(models.values(), key=lambda model: edge(model.born or "1970"), reverse=True)
    return {"models": [_tag(provider, model) for model in newest]}


def _tag(provider: Provider, model: ModelFacts) -> dict[str, Any]:
    more = {"context_length": model.context_tokens, "embedding_length": model.details.get("embedding_length")}
    return {
        "name": full_name(provider, model),
        "model": full_name(provider, model),
        "modified_at": modified(model),
        "size": model.details.get("size", 0),
        "digest": model.details.get("digest", ""),
        "details": {**details(model), **more, "runner": "llamacpp"},
        "capabilities": list(model.capabilities),
    }


def processes(call: Call) -> dict[str, Any]:
    """What GET /api/ps answers: the loaded models, the one that stays longest first."""
    loaded = sorted(running(call).items(), key=lambda item: item[1].until, reverse=True)
    return {"models": [_process(name, each) for name, each in loaded]}


def _process(name: str, loaded: Loaded) -> dict[str, Any]:
    size = int(loaded.model.details.get("size", 0) * MEMORY) + loaded.context_tokens * BYTES_PER_CONTEXT_TOKEN
    return {
        "name": name,
        "model": name,
        "size": size,
        "digest": loaded.model.details.get("digest", ""),
        "details": details(loaded.model),
        "expires_at": instant(loaded.until),
        "size_vram": size,
        "context_length": loaded.context_tokens,
        "runner": "llamacpp",
    }


def details(model: ModelFacts) -> dict[str, Any]:
    """The part that all lists share."""
    family = model.details.get("architecture", "")
    return {
        "parent_model": "",
        "format": "gguf",
        "family": family,
        "families": [family],
        "parameter_size": model.details.get("parameter_size", ""),
        "quantization_level": model.details.get("quantization_level", ""),
    }


def shown(provider: Provider, model: ModelFacts) -> dict[str, Any]:
    """What POST /api/show answers. The lab's models have one template, ChatML, whatever stands here at home."""
    family, name = model.details.get("architecture", ""), full_name(provider, model)
    template = (
        "{{ range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"
    )
    head = '# Modelfile generated by "ollama show"\n# To build a new Modelfile based on this, replace FROM with:\n'
    return {
        "modelfile": f'{head}# FROM {name}\n\nFROM {name}\nTEMPLATE """{template}"""\nPARAMETER stop <|im_end|>\n',
        "parameters": f'{"stop":<30} "<|im_end|>"',
        "template": template,
        "details": details(model),
        "model_info": {
            "general.architecture": family,
            "general.parameter_count": model.details.get("parameter_count"),
            f"{family}.context_length": model.context_tokens,
            f"{family}.embedding_length": model.details.get("embedding_length"),
        },
        "capabilities": list(model.capabilities),
        "modified_at": modified(model),
    }


def modified(model: ModelFacts) -> str:
    """When the model came onto this machine: in the lab the day on which it appeared."""
    return instant(edge(model.born or "1970"))
