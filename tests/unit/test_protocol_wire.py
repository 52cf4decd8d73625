"""The wire: the page about it is true, the schema is current, and what two parsers could read differently is refused."""

from __future__ import annotations

import json
import re
import typing
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalling import protocol
from signalling.protocol import (
    CLOSE_CODES,
    Code,
    FromClient,
    FromServer,
    Malformed,
    decode,
    encode,
    encode_body,
    numbered,
)

DOCS = Path(__file__).parents[2] / "docs" / "reference"
PAGE = (DOCS / "protocol.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```json (client|server)\n(.*?)```", PAGE, flags=re.DOTALL)
LEAVE = '{"t":"call.leave","id":"a","call":"c_00000001"}'
server_decoder = msgspec.json.Decoder(FromServer)


def unknown_fields(given_: Any, kind: type) -> set[str]:
    """Keys of an example that no struct has, however deep."""
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
    extra = set(given_) - set(fields) - {"t"}
    for name, type_ in fields.items():
        inner = given_.get(name)
        of = (typing.get_args(type_) or (type_,))[0]  # of a list, what is in it; of something or null, the something
        for one in inner if isinstance(inner, list) else [inner]:
            if isinstance(one, dict):
                extra |= unknown_fields(one, of)
    return extra


@pytest.mark.parametrize(("who", "text"), EXAMPLES, ids=lambda value: value[:24])
def test_every_example_of_the_page_is_a_message(who: str, text: str) -> None:
    if who == "client":
        assert type(decode(text)) in get_args(FromClient)
    else:
        message = server_decoder.decode(text)
        assert unknown_fields(json.loads(text), type(message)) == set()
        assert server_decoder.decode(encode(message)) == message


def test_the_page_has_an_example_of_every_message() -> None:
    shown = {(who, json.loads(text)["t"]) for who, text in EXAMPLES}
    there = {("client", kind.__struct_config__.tag) for kind in get_args(FromClient)}
    there |= {("server", kind.__struct_config__.tag) for kind in get_args(FromServer)}
    assert shown == there


def test_the_page_has_every_code_and_every_close_code_and_no_other() -> None:
    tables = PAGE[PAGE.index("## Codes") : PAGE.index("## Versions")]
    rows = [row.split("|")[1:-1] for row in tables.splitlines() if row.startswith("| `")]
    named = {code for row in rows for code in re.findall(r"`(\w+)`", row[0])}
    assert named == set(get_args(Code))
    closing = {re.findall(r"`(\w+)`", row[0])[0]: int(row[1]) for row in rows if row[1].strip().isdigit()}
    assert closing == CLOSE_CODES


def test_the_schema_in_the_docs_is_the_one_of_the_structs() -> None:
    text = (DOCS / "protocol.schema.json").read_text(encoding="utf-8")
    assert text == json.dumps(protocol.schema(), indent=2) + "\n", (
        "ringfence protocol schema > docs/reference/protocol.schema.json"
    )


def test_no_client_message_can_say_who_sent_it() -> None:
    for kind in get_args(FromClient):
        assert kind.__struct_config__.forbid_unknown_fields
        names = {field.name for field in msgspec.structs.fields(kind)}
        assert not names & {"from", "sender", "user", "person", "role", "name", "account"}


def test_the_same_text_with_and_without_a_fault() -> None:
    assert decode(LEAVE) == protocol.Leave(id="a", call="c_00000001")
    for bad in (
        LEAVE[:-1],
        LEAVE + LEAVE,
        LEAVE.replace('"id":"a"', '"id":"a","id":"a"'),
        LEAVE.replace('"id":"a"', '"id":"a","from":"k_somebody"'),
        LEAVE.replace('"id":"a"', '"id":NaN'),
        LEAVE.replace('"id":"a"', '"id":1e999'),
        LEAVE.replace('"id":"a"', '"id":' + "9" * 5000),
        LEAVE.replace('"id":"a"', '"id":' + "[" * 3000 + "]" * 3000),
        LEAVE.replace("c_00000001", "c_\\ud800000001"),
        LEAVE.replace("c_00000001", "c_0000\u0000001"),
        LEAVE.replace("c_00000001", "c_" + "0" * 60),
        LEAVE.replace("c_00000001", "c_00000001\\n"),
        "\ufeff" + LEAVE,
        "[" + LEAVE + "]",
        "null",
        "",
    ):
        with pytest.raises(Malformed) as no:
            decode(bad)
        assert no.value.code == "bad_message", bad[:80]


def test_words_about_keys_are_bounded() -> None:
    def to(body: str) -> str:
        return json.dumps({"t": "seal.to", "id": "a", "call": "c_00000001", "to": "k_somebody", "body": body})

    def ready(*kids: Any) -> str:
        return json.dumps({"t": "seal.ready", "id": "a", "call": "c_00000001", "kids": kids})

    for good in (to("x"), to("x" * 4096), ready(0), ready(16, 17, 18, 255)):
        decode(good)
    for bad in (to(""), to("x" * 4097), ready(), ready(0, 1, 2, 3, 4), ready(256), ready(-1), ready(True), ready(1.5)):
        with pytest.raises(Malformed) as no:
            decode(bad)
        assert no.value.code == "bad_message", bad[:80]


def test_an_unknown_type_and_a_frame_too_large_have_their_own_codes() -> None:
    with pytest.raises(Malformed) as unknown:
        decode('{"t":"call.record","id":"r1"}')
    assert (unknown.value.code, unknown.value.request_id) == ("unsupported_type", "r1")
    with pytest.raises(Malformed) as large:
        decode(" " * (protocol.MAX_FRAME + 1))
    assert large.value.code == "too_large"


def read(frame: str) -> str:
    """The type of the message, or the code of the refusal. Anything else is a crash."""
    try:
        return type(decode(frame)).__name__
    except Malformed as fault:
        return fault.code


OUTCOMES = {kind.__name__ for kind in get_args(FromClient)} | {"bad_message", "unsupported_type"}


@given(
    st.text()
    | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=20).map(json.dumps)
)
def test_any_text_is_a_message_or_malformed_and_never_a_crash(text: str) -> None:
    assert read(text) in OUTCOMES


@given(
    st.dictionaries(
        st.sampled_from(["t", "id", "call", "to", "media", "sdp", "neg", "nonce", "x"]), st.text() | st.integers()
    )
)
def test_any_object_is_a_message_or_malformed_and_never_a_crash(body: dict[str, Any]) -> None:
    assert read(json.dumps(body)) in OUTCOMES


def test_a_numbered_frame_is_the_same_message_with_its_number() -> None:
    message = protocol.Ended(call="c_00000001", code="left")
    assert server_decoder.decode(numbered(encode_body(message), 7)) == msgspec.structs.replace(message, seq=7)


def test_every_close_code_is_a_code() -> None:
    assert set(CLOSE_CODES) <= set(get_args(Code))
    assert len(set(CLOSE_CODES.values())) == len(CLOSE_CODES)


@pytest.mark.parametrize("name", ['"\\ud800"', '"\\u0000"', '"é"', '"' + "a" * 25 + '"', "7", "null"])
def test_an_id_that_could_be_none_is_not_said_back(name: str) -> None:
    """Half a surrogate comes through JSON as an escape, and no answer with it could be written."""
    with pytest.raises(Malformed) as refused:
        decode('{"t":"nobody.knows","id":' + name + "}")
    assert (refused.value.code, refused.value.request_id) == ("unsupported_type", "")
    with pytest.raises(Malformed) as known:
        decode('{"t":"nobody.knows","id":"r1"}')
    assert known.value.request_id == "r1"
