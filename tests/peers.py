"""Real peers for tests, benches and attacks: they moved to ``server/inspection/device.py``, which ships with the inspection."""

from __future__ import annotations

from server.inspection.device import *  # noqa: F403
