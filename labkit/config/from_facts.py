"""`configs/librechat.yaml` from the facts: every provider that the lab knows, as LibreChat's configuration.

A test holds the file in the repository against this; to write it anew: python -m labkit.config.from_facts
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from labkit.config.body import TAKE_A_BUDGET, adapts
from labkit.config.profiles import RENAMED
from labkit.config.request import MODEL_ID
from labkit.config.to_librechat import VERSION, scalar

if TYPE_CHECKING:
    from labkit.facts import Facts, Provider

# What LibreChat sends unasked, and what its panel offers for every model.
OFFERED = ("user", "stop", "frequency_penalty", "presence_penalty", "temperature", "max_tokens")
KEY_VARIABLES = {"openrouter": "OPENROUTER_KEY"}  # OPENROUTER_API_KEY would reroute LibreChat's own OpenAI endpoint
HEAD = f"""\
# Eight providers for LibreChat. Your own copy is yours to change; `python lab.py config check FILE` looks at it.
#
# Made from the facts in configs/providers/ as of the lab's moment. Strings are in quotes, keys are variables: LibreChat
# takes them from its .env. What each line does to a request: `python lab.py config explain FILE NAME`.

version: {scalar(VERSION)}
cache: true

# Model specs hide the menu of endpoints unless this brings it back.
interface:
  modelSelect: true
  parameters: true
  presets: true

endpoints:
  custom:
"""


def librechat_yaml(facts: Facts) -> str:
    """The whole file, comments and all."""
    providers = [provider for provider in facts.values() if provider.id != "lab"]
    lines = [line for provider in providers for line in _endpoint(provider)]
    return HEAD + "\n".join(lines) + "\n\n" + "\n".join(_specs(facts)) + "\n"


def name_of(provider: Provider) -> str:
    """The endpoint's name: the provider's label, which is no name that LibreChat reserves."""
    return provider.label


def refused(provider: Provider) -> list[str]:
    """Which of the fields that LibreChat may send the provider refuses by name, whatever their value."""
    found = []
    for name in OFFERED:
        treatment = provider.parameters.get(name) or provider.unknown_parameter
        if treatment.fate == "refused":
            found.append(name)
    return found


def usable(provider: Provider) -> list[str]:
    """The living models that LibreChat can call, the chat model first where it is one of them."""
    chat = provider.model("chat").id
    living = [chat, *(model for model in provider.alive() if model != chat)]
    return [
        model
        for model in living
        if MODEL_ID.fullmatch(model)
        and (provider.id != "anthropic" or adapts(model) or provider.models[model].family in TAKE_A_BUDGET)
    ]


def _endpoint(provider: Provider) -> Iterator[str]:
    native = provider.dialect == "anthropic-messages"
    variable = KEY_VARIABLES.get(provider.id, provider.key.variables[0])
    key = f"${{{variable}}}" if provider.key.required else provider.key.local
    yield f"    # {provider.label}, {provider.address.base_url}{provider.address.paths['chat']}"
    yield f"    - name: {scalar(name_of(provider))}"
    if not provider.key.required:
        yield "      # No key is asked for on one's own machine; LibreChat wants some text here."
    elif variable != provider.key.variables[0]:
        yield f"      # Not {provider.key.variables[0]}: LibreChat would send its own OpenAI endpoint there."
    yield f"      apiKey: {scalar(key)}"
    if provider.id == "ollama":
        yield "      # From inside a container write host.docker.internal in the place of localhost."
    yield f"      baseURL: {scalar(provider.address.base_url)}"
    if native:
        yield "      # Its own API in the place of OpenAI's: another address, other headers, another body."
        yield f"      provider: {scalar('anthropic')}"
    yield "      models:"
    yield "        default:"
    living = usable(provider)
    left = [model for model in provider.alive() if native and model not in living]
    if left:
        yield f"          # Without {', '.join(left)}: LibreChat gives it a budget for thinking, which it refuses."
    yield from (f"          - {scalar(model)}" for model in living)
    yield "        fetch: false"
    yield "      # Every new conversation asks for a title too: a second request."
    yield "      titleConvo: true"
    yield f"      titleModel: {scalar(provider.model('title').id)}"
    yield f"      modelDisplayLabel: {scalar(provider.label)}"
    dropped = [] if native else refused(provider)
    if dropped:
        told = "; by LibreChat's own names" if any(name in RENAMED for name in dropped) else ", and LibreChat sends it"
        yield f"      # {provider.label} refuses {' and '.join(dropped)}{told}:"
        yield "      dropParams:"
        yield from (f"        - {scalar(RENAMED.get(name, name))}" for name in dropped)
    yield ""


def _specs(facts: Facts) -> Iterator[str]:
    yield "# What stands in the menu before the endpoints: a model with its settings, under a name of its own."
    yield "modelSpecs:"
    yield "  enforce: false"
    yield "  prioritize: false"
    yield "  list:"
    for name, label, provider, role, temperature, told in (
        ("precise", "Precise", "deepseek", "chat", 0.0, "answers the same way again"),
        ("lively", "Lively", "mistral", "chat", 1.0, "chooses less likely words too"),
        ("quick", "Quick", "groq", "cheap", 0.7, "a small model on fast hardware"),
    ):
        known = facts[provider]
        yield f"    - name: {scalar(name)}"
        yield f"      label: {scalar(label)}"
        yield f"      group: {scalar('From the lab')}"
        yield f"      description: {scalar(told)}"
        if name == "precise":
            yield "      default: true"
        yield "      preset:"
        yield f"        endpoint: {scalar(name_of(known))}"
        yield f"        model: {scalar(known.model(role).id)}"
        yield f"        temperature: {scalar(temperature)}"
        yield f"        modelLabel: {scalar(label)}"


def main() -> None:
    """Write configs/librechat.yaml anew."""
    from labkit import facts

    path = facts.CONFIGS / "librechat.yaml"
    path.write_text(librechat_yaml(facts.load()), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
