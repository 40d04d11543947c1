"""Signs that no pattern can find: each looks at a reading and returns its evidence in a sentence, or '' when absent.

The rules name them in `test:`. They read what was sent (`request_signs`) and what came (`answer_signs`), nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from labkit.diagnosis import answer_signs as came
from labkit.diagnosis import request_signs as sent
from labkit.diagnosis.reading import Reading

if TYPE_CHECKING:
    from labkit.facts import Facts

Sign = Callable[[Reading, "Facts | None"], str]
SIGNS: dict[str, Sign] = {
    sign.__name__: sign
    for sign in (
        sent.path_twice,
        sent.only_not_found,
        sent.strange_path,
        sent.foreign_key,
        sent.no_key_sent,
        sent.key_in_other_header,
        sent.key_was_sent,
        sent.names_short_field,
        sent.header_without_scheme,
        sent.needs_bearer,
        sent.not_http_called,
        sent.path_is_usual,
        sent.sent_no_json,
        sent.sent_as_form,
        sent.not_post,
        sent.posted_chat,
        sent.lacks_model_or_messages,
        sent.names_absent_field,
        sent.unknown_role,
        sent.without_content,
        sent.names_a_tool,
        sent.retired_model,
        sent.unfilled_address,
        sent.base_alone,
        sent.empty_key,
        sent.sends_picture,
        sent.content_is_list,
        sent.room_is_gone,
        sent.not_streamed,
        came.no_words,
        came.answer_came,
        came.is_html,
        came.provider_broke,
        came.stream_without_end,
        came.broke_in_the_middle,
        came.error_in_stream,
        came.error_in_200,
        came.json_stops,
        came.blank_body,
        came.context_full,
        came.call_in_text,
        came.paused,
        came.finish_call,
        came.no_choices,
        came.only_reasoning,
        came.answer_in_reasoning,
        came.thinking_is_off,
        came.lines_unasked,
        came.call_cut,
        came.call_cut_early,
        came.broken_arguments,
        came.finish_length,
        came.finish_filter,
        came.finish_error,
        came.finish_tools,
        came.call_asked_for,
        came.prompt_shrunk,
        came.prompt_at_window,
        came.empty_answer,
        came.loose_sampling,
    )
}
"""Every sign by its name."""
