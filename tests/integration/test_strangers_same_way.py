"""For a real child and for none a stranger's question takes the same way through the records: the same statements, in the same order.

Beside the same bytes (``test_strangers_over_http.py``) this is why the time is the same; the bench measures it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from server import accounts, contact_pages, contacts, pictures
from server.accounts import Card, SignedIn
from tests.village import Village, village

NONE = "AAAAAAAAAAAAAAAAAAAAAA"
Service = Callable[[Village, SignedIn, str], Awaitable[Any]]

ABOUT_A_CHILD: tuple[Service, ...] = (
    lambda v, me, x: contact_pages.contacts_of(v.db, v.keeper, me, x, now=v.now),
    lambda v, me, x: accounts.withdraw_consent(v.db, v.keeper, me, x, now=v.now),
    lambda v, me, x: accounts.approve_pairing(v.db, v.keeper, me, ["zebra"] * 4, x, now=v.now),
    lambda v, me, x: contacts.make_link(v.db, v.keeper, me, x, now=v.now),
    lambda v, me, x: contacts.accept_link(v.db, v.keeper, me, "x" * 43, child=x, how_known="class", now=v.now),
)
ABOUT_A_CONTACT: tuple[Service, ...] = (
    lambda v, me, x: contacts.decide(v.db, v.keeper, me, x, answer="camera", knows_them=None, now=v.now),
    lambda v, me, x: contacts.answer_ask(v.db, v.keeper, me, x, yes=True, how_known=None, now=v.now),
)
ABOUT_A_REF: tuple[Service, ...] = (
    lambda v, me, x: contacts.allow(v.db, v.keeper, me, x, voice=True, video=True, now=v.now),
    lambda v, me, x: contacts.rename(v.db, v.keeper, me, x, card=Card("Me", 1, 1), now=v.now),
    lambda v, me, x: contacts.end(v.db, v.keeper, me, x, now=v.now),
    lambda v, me, x: pictures.look_at(v.db, v.keeper, me, x, now=v.now),
    lambda v, me, x: pictures.start(v.db, v.keeper, me, x, commitment="A" * 43, now=v.now),
    lambda v, me, x: pictures.differ(v.db, v.keeper, me, x, "e", now=v.now),
)
ABOUT_A_DEVICE: tuple[Service, ...] = (lambda v, me, x: accounts.unpair_device(v.db, v.keeper, me, x, now=v.now),)
ABOUT_A_SIGN_IN: tuple[Service, ...] = (lambda v, me, x: accounts.revoke_session(v.db, v.keeper, me, x, now=v.now),)


async def test_a_real_child_and_none_take_the_same_way_through_the_records(tmp_path: Path) -> None:
    async with village(tmp_path) as there:
        ran = await there.overhear()

        async def way(service: Service, me: SignedIn, about: str) -> list[str]:
            ran.clear()
            assert not await service(there, me, about)
            return [re.sub(r"'[^']*'|[0-9]+", "?", statement) for statement in ran]

        ref = await there.ref("maya", "theo")
        contact = there.contact_of[frozenset(("maya", "theo"))]
        for services, real in (
            (ABOUT_A_CHILD, "maya"),
            (ABOUT_A_CONTACT, contact),
            (ABOUT_A_REF, ref),
            (ABOUT_A_REF, "g_" + ref[2:]),
            (ABOUT_A_DEVICE, there.device_of["maya"]),
            (ABOUT_A_SIGN_IN, there.session_of["maya"]),
        ):
            none = f"{real[:2]}0123456789abcdef" if services is ABOUT_A_REF else NONE
            for number, service in enumerate(services):
                for stranger in ("alex", "kit", "gran"):
                    me = there.signed_in(stranger)
                    found = await way(service, me, real)
                    assert len(found) > 2
                    assert found == await way(service, me, none), (real, number, stranger)

        # the trace does tell two ways apart: her own guardian's is longer
        refused = await way(ABOUT_A_CHILD[0], there.signed_in("alex"), "maya")
        ran.clear()
        assert await ABOUT_A_CHILD[0](there, there.signed_in("sam"), "maya")
        assert len(ran) > len(refused)
