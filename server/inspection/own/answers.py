"""When an answer of a Ringfence is a clear no.

A no counts as one only when it is a clear one: a code from the closed lists of docs/reference/. "Slow down", a fault of the server's,
or an answer that is not one of ours shows nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from server.inspection.adapter import CouldNotSee
from server.inspection.device import Answer as HttpAnswer

#: Codes of docs/reference/http-api.md and protocol.md that say "no, you may not" or "there is none for you".
NOES: Final = frozenset(
    {
        "bad_request", "cannot_sign_up", "not_signed_in", "wrong_sign_in", "bad_origin", "not_permitted", "not_found", "no_match",
        "bad_method", "conflict", "too_large", "bad_host",
        "bad_message", "not_authenticated", "session_revoked", "unsupported_type", "bad_state", "stale_negotiation",
        "sdp_rejected", "policy_revoked", "contact_not_approved", "needs_guardian", "removed", "quiet_hours", "time_limit",
        "cancelled",
    }
)  # fmt: skip
#: Those that only say "later".
LATER: Final = frozenset({"slow_down", "rate_limited", "busy_try_again"})


def said_no(answer: HttpAnswer) -> str:
    """The code of a clear no, "" of a yes. Raises ``CouldNotSee`` of anything else."""
    if 200 <= answer.status < 300:
        return ""
    if answer.code in NOES and 400 <= answer.status < 500:
        return answer.code
    if answer.code in LATER:
        raise CouldNotSee(f"The server said to come later ({answer.code}).")
    raise CouldNotSee(f"The server gave an answer that is none of its documented ones (status {answer.status}).")


def told_no(message: Mapping[str, Any]) -> str:
    """The same for an answer on the wire."""
    if message.get("t") == "ok":
        return ""
    code = str(message.get("code", ""))
    if message.get("t") == "err" and code in NOES:
        return code
    if code in LATER:
        raise CouldNotSee(f"The server said to come later ({code}).")
    raise CouldNotSee("The server gave an answer that is none of its documented ones.")


def comes_later(answer: HttpAnswer) -> int:
    """In how many seconds the server lets us try again, by its ``Retry-After``; 0 where it says nothing of that."""
    told = str(answer.headers.get("Retry-After", ""))
    if answer.code not in LATER or not (told.isascii() and told.isdecimal()):
        return 0
    return max(1, int(told[:9]))
