"""Chat as the lab models read it: messages to token ids in ChatML.

    <|endoftext|><|im_start|>user
    Hello<|im_end|>
    <|im_start|>assistant
                                       and here the model goes on

It owns the format alone; which roles and fields an API accepts is the server's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from labkit.errors import ParameterError
from labkit.lm.tokens import Tokenizer


def chat_ids(tokenizer: Tokenizer, messages: Iterable[Mapping[str, Any]], *, think: bool | None = None) -> list[int]:
    """The ids of a conversation, ending where the assistant is to speak.

    messages: each with `role` and `content`. What a message says is plain text: '<|im_end|>' written by a user is
    these characters, not the token, so nobody can end their turn and speak as another. `calls`, where there are any,
    are the JSON texts of the tool calls that follow its content.
    think: True opens a <think>, so that the model works before it answers; None leaves that to the model; False too,
    and the caller bans <think> in its Sampling.
    Raises ParameterError for a message without role or content.
    """
    start, end = tokenizer.special["<|im_start|>"], tokenizer.special["<|im_end|>"]
    newline = tokenizer.encode("\n")
    ids = [tokenizer.special["<|endoftext|>"]]
    for message in messages:
        try:
            role, content = message["role"], message["content"]
        except KeyError as error:
            raise ParameterError(f"a message has no {error}", where="messages", right="Give role and content") from None
        ids += [start, *tokenizer.encode(f"{role}\n"), *tokenizer.encode(content)]
        for call in message.get("calls", ()):
            ids += [tokenizer.special["<tool_call>"], *tokenizer.encode(call), tokenizer.special["</tool_call>"]]
        ids += [end, *newline]
    ids += [start, *tokenizer.encode("assistant\n")]
    if think:
        ids.append(tokenizer.special["<think>"])
    return ids
