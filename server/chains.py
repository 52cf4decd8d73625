"""In which chains of the record a row stands. Who may ever be shown it decides, and it is decided when the row is written.

A *household's chain* holds what a grown-up of that household did for the family, and nothing else. The family reads it, so each of its
rows is one that the family is shown: there is none to be counted that somebody may not read.

A *chain of one's own* has every person, under a name that nobody can turn back into who it is without their pseudonym: what a child
did, whatever was asked about them from elsewhere, and what a grown-up did that is nobody else's business (looking, signing in, calling).
No page, file or answer says anything of it to a family: no row, no number, no time; nor that it is there (row 52; GC25 76). It is not shown
to its own child either: a guardian can pair one more screen as their child, and would be shown it there.

The *platform's chain* holds what concerns no household, and help, reports and blocks. The chain *apart* is written by checkpoints only
(``checkpoints.py``): it holds where the two kinds before this one end, since the log of heads, whose length everybody is told, must not
grow by what a child does.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from server.audit import PLATFORM
from server.policy import Verb

#: What a grown-up does in the family's name, and is shown in full to the family when it was a grown-up of this household who did it.
#: Closed list: a verb that is not here stands in a chain of one's own. What somebody looked at is not here: nobody is shown what another
#: one reads. Nor is anything about which a block is asked: a refusal must not be missed where the family looks.
SHOWN: Final = frozenset(
    {
        Verb.ADD_CHILD, Verb.CHANGE_HOUSEHOLD, Verb.ACCEPT_LINK, Verb.DECIDE, Verb.DECLINE, Verb.END_CONTACT, Verb.ALLOW_MEDIA,
        Verb.SIGN_ROSTER, Verb.KNOW_KEY, Verb.NAME_CONTACT, Verb.VOUCH, Verb.COMPARE_PICTURES, Verb.SAY_PICTURES_DIFFER,
        Verb.CHANGE_AGE_GROUP, Verb.CHANGE_LIMIT, Verb.SWITCH_STAGE, Verb.CHANGE_SUPERVISION, Verb.ALLOW_THIS_CALL, Verb.BE_PRESENT,
        Verb.STOP_BEING_PRESENT, Verb.MAKE_LINK, Verb.ACCEPT_LINK_FOR_CHILD, Verb.PAIR_DEVICE, Verb.UNPAIR_DEVICE,
        Verb.WITHDRAW_CONSENT, Verb.REVOKE_SESSION, Verb.END_CALL,
    }
)  # fmt: skip

_OF_HOUSEHOLDS: Final = "h_"


def of_household(household: str) -> str:
    """The name of a household's chain."""
    return f"{_OF_HOUSEHOLDS}{household}"


def is_familys(chain: str) -> bool:
    """Whether a family is shown this chain, or a household's could be."""
    return chain.startswith(_OF_HOUSEHOLDS)


@lru_cache(maxsize=65_536)
def of_person(pseudonym: str) -> str:
    """The name of a person's own chain. A hash: an inspector sees the names of all chains, and no pseudonym."""
    digest = hashlib.sha256(f"a chain of one's own\n{pseudonym}".encode()).digest()
    return f"o_{base64.urlsafe_b64encode(digest[:16]).decode().rstrip('=')}"


def concerning(verb: Verb, grown_up: str, people: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The chains of a row about ``people``, each with their pseudonym and their household's chain. ``grown_up``: the chain of the household
    of the grown-up who asked; "" if a child did, or nobody whom we know."""
    family = grown_up if verb in SHOWN else ""
    named = [household if household == family else of_person(pseudonym) for pseudonym, household in people]
    return tuple(dict.fromkeys(named)) or (PLATFORM,)
