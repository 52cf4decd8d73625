"""The HTTP API: one table of routes, built from the files beside it.

``keys.py`` is what a handler holds, ``problems.py`` how a no looks, ``middleware.py`` what every request passes. The contract in
words is ``docs/reference/http-api.md``.
"""

from __future__ import annotations

from typing import Final

from server.api import contacts, families, inspector, limits, pictures, promises, record, reports, rim, rosters
from server.api.keys import Route

ROUTES: Final[tuple[Route, ...]] = (
    families.ROUTES
    + contacts.ROUTES
    + limits.ROUTES
    + reports.ROUTES
    + rosters.ROUTES
    + pictures.ROUTES
    + promises.ROUTES
    + inspector.ROUTES
    + record.ROUTES
    + rim.ROUTES
)
