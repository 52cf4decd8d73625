"""Sealing in Python, written apart from the browser's: it lies in ``server/inspection``, with which it ships."""

from __future__ import annotations

from server.inspection.agreement import *  # noqa: F403
from server.inspection.agreement import _heard as _heard
from server.inspection.sealing import *  # noqa: F403
from server.inspection.sframe import *  # noqa: F403
