"""Seeded faults: each takes one guard away, and names the promise that is broken by that and the scenarios that must find it.

A promise whose proof would pass with the feature removed proves nothing. So for each there is a build without it. A fault is put
into a process of its own by ``python -m tests.faulty NAME serve`` (tests are not packaged, and nothing in server/ or signalling/
can be told to weaken itself), the inspection is run against that house, and must say "broken" and name the promise; without the fault the
same scenarios must be proven (``test_faults_are_found.py``, ``make faults``).

Where a promise is kept by rules, weakening each rule is tried in ``tests/unit/test_policy_proof.py`` (WEAKER). Where it is kept by
something that an inspection from outside cannot see, a test of the promise must find the fault: it is run with the fault put in
(``python -m tests.faulty NAME pytest …``) and must fail. Where even that is not the way, ``NAMED`` says which test takes the feature away.
"""

from __future__ import annotations

from tests.faults import accounts, cut, finding, floods, gate, help, later, posing, powers, reach, record, unseen
from tests.faults.seeding import FAULTS, Fault
from tests.faults.unseen import NAMED

#: Where the faults are; each is put into ``FAULTS`` by its name.
TOPICS = (reach, cut, finding, posing, gate, help, floods, record, powers, accounts, later, unseen)

__all__ = ["FAULTS", "NAMED", "TOPICS", "Fault"]
