"""Faults: what goes wrong, and whose fault it is. A no is not here: a refusal is a value (``Decision``), it is returned.

::

    Fault
    ├── OurFault                 ours, or our surroundings'; the caller can do nothing but wait
    │   ├── CannotStart          told in one sentence, exit 2, before anything has started
    │   │   ├── BadSettings      a setting is wrong, missing or unsafe
    │   │   ├── PortTaken        somebody else listens there
    │   │   ├── NoNetwork        no address to listen on or to be reached at
    │   │   └── DatabaseUnusable locked, read-only, not migrated, not there
    │   ├── NotOurs              503 database_busy: another process may serve these records now, so this one changes nothing
    │   └── Busy                 503 busy_try_again: a bounded queue is full
    └── TheirFault               the request is not one of ours; never logged with its content
        ├── BadRequest           422 bad_request: body or parameter is not of the documented shape
        ├── NotSignedIn          401 not_signed_in
        └── SlowDown             429 slow_down: tried too often

Each carries the stable ``code`` that programs act on. Sentences in faults never contain what somebody typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class Fault(Exception):
    """Anything that goes wrong. ``code`` is of the closed list in ``server/api/problems.py``."""

    code: ClassVar[str] = "internal"


class OurFault(Fault):
    """Ours, or of what we stand on."""


class CannotStart(OurFault):
    """The house does not open. The message is one plain sentence for the person who runs it; the process exits with 2."""


class BadSettings(CannotStart):
    """A setting is wrong, missing, or unsafe in production."""


class PortTaken(CannotStart):
    """The HTTP port (TCP) or the gate's port (UDP) is in use by another program."""


class NoNetwork(CannotStart):
    """There is no address to listen on, or none at which a device could reach the gate."""


class DatabaseUnusable(CannotStart):
    """The records cannot be opened for writing, or are of another version."""


class NotOurs(OurFault):
    """PostgreSQL ended the session with which this process holds its database. It changes nothing more, and closes."""

    code = "database_busy"


class Busy(OurFault):
    """A bounded queue is full; trying again in a moment is right."""

    code = "busy_try_again"


class TheirFault(Fault):
    """The request was wrong, not the house."""

    code = "bad_request"


class BadRequest(TheirFault):
    """``fields`` maps the name of each wrong field to a stable code; never to its value."""

    code = "bad_request"

    def __init__(self, fields: Mapping[str, str] | None = None) -> None:
        super().__init__("bad request")
        self.fields: Mapping[str, str] = fields or {}


class NotSignedIn(TheirFault):
    code = "not_signed_in"


class SlowDown(TheirFault):
    """``retry_after_s``: whole seconds to wait."""

    code = "slow_down"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("slow down")
        self.retry_after_s = retry_after_s
