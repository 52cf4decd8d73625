"""The platforms that come with an adapter, and how one of your own is named.

Nothing is imported before it is wanted: an adapter may need what only its platform needs.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Final

from server.errors import CannotStart
from server.inspection.adapter import Platform


def _peerserver() -> Platform:
    from server.inspection.peerserver import PeerServer

    return PeerServer()


def _janus() -> Platform:
    from server.inspection.janus import Janus

    return Janus()


def _janus_guarded() -> Platform:
    from server.inspection.janus import Janus

    return Janus(guarded=True)


OTHERS: Final[dict[str, Callable[[], Platform]]] = {
    "peerserver": _peerserver,
    "janus": _janus,
    "janus-guarded": _janus_guarded,
}


def named(name: str) -> Platform:
    """By one of the names above, or as ``module:Class``: an adapter of somebody's own, made without arguments."""
    if name in OTHERS:
        return OTHERS[name]()
    module, colon, made = name.partition(":")
    if not colon:
        raise CannotStart(
            f"There is no platform {name}: {', '.join(OTHERS)}, or module:Class of an adapter of your own."
        )
    try:
        platform = getattr(importlib.import_module(module), made)()
    except (ImportError, AttributeError, TypeError, ValueError) as why:
        raise CannotStart(f"The adapter {name} could not be made ({type(why).__name__}: {why}).") from None
    if not isinstance(platform, Platform):
        raise CannotStart(f"{name} is no adapter: it lacks a verb of server/inspection/adapter.py.")
    return platform
