"""Random keys in every variable that could hold one, and the search for pieces of them."""

from __future__ import annotations

import random
import string

from labkit import facts

SHORTEST = 6  # characters in a row that are already a leak


def planted() -> dict[str, str]:
    """A new random value for each variable."""
    names = {name for provider in facts.load().values() for name in provider.key.variables} - {"LAB_API_KEY"}
    names |= {"MISTRAL_API_KEY", "GROQ_API_KEY", "ANTHROPIC_API_KEY", "OPENROUTER_KEY", "HF_TOKEN", "MY_SECRET"}
    names |= {f"{name}_API_KEY" for name in ("TOGETHER", "COHERE", "XAI", "GOOGLE", "AZURE_OPENAI", "SOMEBODY")}
    letters = random.Random().choices
    return {name: "sk-" + "".join(letters(string.ascii_letters + string.digits, k=40)) for name in sorted(names)}


def found(text: str, canaries: dict[str, str]) -> list[str]:
    """The variables of which six characters in a row stand in the text ('sk-' and what follows it not counted)."""
    return [
        name
        for name, value in canaries.items()
        if any(value[at : at + SHORTEST] in text for at in range(3, len(value) - SHORTEST + 1))
    ]
