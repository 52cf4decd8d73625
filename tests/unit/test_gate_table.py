"""Whatever is asked of the gate, in whatever order: its table is what was allowed and not since cut, and facts tell it all."""

from __future__ import annotations

import asyncio
import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from signalling.gate import Fact, Gate, GateConfig, GateEvent, Kind

NAMES = ("alice", "bob", "cleo")
KINDS: tuple[Kind, ...] = ("audio", "video")

names = st.sampled_from(NAMES)
maybe = st.one_of(st.none(), names)
steps = st.one_of(
    st.tuples(st.just("join"), names),
    st.tuples(st.just("remove"), names),
    st.tuples(st.just("restart"), names),
    st.tuples(st.just("allow"), names, names, st.sampled_from(KINDS)),
    st.tuples(st.just("cut"), maybe, maybe, st.one_of(st.none(), st.sampled_from(KINDS))),
)


def expected(model: set[tuple[str, str, Kind]], here: set[str], step: tuple[object, ...]) -> None:
    """What a step should do to the table, said in one line each."""
    match step:
        case ("join", str(name)):
            here.add(name)
        case ("remove", str(name)):
            here.discard(name)
            model -= {pair for pair in model if name in pair[:2]}
        case ("allow", str(publisher), str(viewer), ("audio" | "video") as kind):
            if {publisher, viewer} <= here and publisher != viewer:
                model.add((publisher, viewer, kind))
        case ("cut", publisher, viewer, kind) if publisher or viewer:
            named = (publisher, viewer, kind)
            model -= {pair for pair in model if all(n in (None, p) for n, p in zip(named, pair, strict=True))}


def ask(gate: Gate, step: tuple[object, ...]) -> None:
    with contextlib.suppress(KeyError, ValueError):  # somebody who is not here, or is here already, or no name at all
        match step:
            case ("join", str(name)):
                gate.offer(name, slots=[other for other in NAMES if other != name])
            case ("remove", str(name)):
                gate.remove(name)
            case ("restart", str(name)):
                gate.restart_ice(name)
            case ("allow", str(publisher), str(viewer), ("audio" | "video") as kind):
                gate.allow(publisher, viewer, kind)
            case ("cut", publisher, viewer, kind):
                gate.cut(publisher=publisher, viewer=viewer, kind=kind)  # type: ignore[arg-type]  # drawn from names


@given(st.lists(steps, max_size=40))
@settings(max_examples=150, deadline=None)
def test_the_table_is_what_was_allowed_and_not_cut_since(order: list[tuple[object, ...]]) -> None:
    async def run() -> None:
        events: list[GateEvent] = []
        gate = await Gate.open(GateConfig(host4="127.0.0.1", host6=None), on_event=events.append)
        model: set[tuple[str, str, Kind]] = set()
        here: set[str] = set()
        try:
            for step in order:
                expected(model, here, step)
                ask(gate, step)
                assert gate.who_sees_whom() == model
                told: set[tuple[str, str, Kind]] = set()
                for event in events:
                    if isinstance(event, Fact):
                        pair = (event.publisher, event.viewer, event.kind)
                        assert (pair in told) == (event.what == "cut"), "a fact is a change"
                        told ^= {pair}
                assert told == model
        finally:
            await gate.close()
        assert gate.who_sees_whom() == frozenset()

    asyncio.run(run())
