"""Sealing in Python, written apart from the browser's: it moved to ``server/inspection/sealing.py``, which ships with the inspection."""

from __future__ import annotations

from server.inspection.sealing import *  # noqa: F403
from server.inspection.sealing import _heard as _heard
