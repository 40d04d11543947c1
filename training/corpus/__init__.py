"""The corpus of the lab models: skills, phrasings as data, fillings as data, and how they become conversations.

Standard library only, and deterministic: one seed, one corpus.
"""

from .compose import DRILLS, MIXES, SKILLS, document, documents, exchange, styled
from .documents import Chat, Exchange, Raw, Turn
from .draw import Draw

__all__ = [
    "DRILLS",
    "MIXES",
    "SKILLS",
    "Chat",
    "Draw",
    "Exchange",
    "Raw",
    "Turn",
    "document",
    "documents",
    "exchange",
    "styled",
]
