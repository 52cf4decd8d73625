"""Signed notes are those of the Go tools, and nothing that was changed is taken for one."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from server import notes

# The example of Go's package golang.org/x/mod/sumdb/note: key, text and signature, as they stand in its documentation.
GO_KEY = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)

ONE = notes.Signer("one.example/inspector", bytes(range(32)))
OTHER = notes.Signer("two.example", bytes(range(1, 33)))
NOTE = notes.signed(GO_TEXT, ONE)


def test_the_example_of_the_go_tools_is_written_and_read_to_the_letter() -> None:
    assert notes.signed(GO_TEXT, notes.signer(GO_KEY)) == f"{GO_TEXT}\n{GO_LINE}".encode()
    assert notes.signer(GO_KEY).verifier.line == GO_VERIFIER
    assert notes.opened(f"{GO_TEXT}\n{GO_LINE}".encode(), notes.verifier(GO_VERIFIER))[0] == GO_TEXT


def test_the_key_of_the_go_checksum_database_is_read() -> None:
    line = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
    assert notes.verifier(line).line == line


def test_who_signed_is_told_and_a_stranger_s_line_is_let_stand() -> None:
    both = notes.signed(GO_TEXT, OTHER, ONE)
    assert notes.opened(both, ONE.verifier) == (GO_TEXT, (ONE.verifier,))
    assert notes.opened(both, ONE.verifier, OTHER.verifier)[1] == (OTHER.verifier, ONE.verifier)
    with pytest.raises(notes.NotANote, match="No key that is trusted"):
        notes.opened(NOTE, OTHER.verifier)
    with pytest.raises(notes.NotANote, match="No key that is trusted"):
        notes.opened(NOTE)


@given(st.integers(0, len(NOTE) - 1), st.integers(1, 255))
def test_a_note_with_any_byte_changed_is_not_taken(place: int, change: int) -> None:
    altered = bytearray(NOTE)
    altered[place] ^= change
    with pytest.raises(notes.NotANote):
        notes.opened(bytes(altered), ONE.verifier)


def test_a_signature_that_fits_is_not_enough_when_its_text_or_its_line_is_written_in_another_way() -> None:
    line = NOTE[len(GO_TEXT) + 1 :].decode()
    assert line.endswith("=\n")
    last = line[-3]
    twin = next(
        one
        for one in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        if one != last and base64.b64decode(f"AA{one}=") == base64.b64decode(f"AA{last}=")
    )
    with pytest.raises(notes.NotANote, match="no signature"):  # the same bytes, so the signature itself would fit
        notes.opened(f"{GO_TEXT}\n{line[:-3]}{twin}=\n".encode(), ONE.verifier)
    text = "a\x1b[2Jb\n"
    signature = Ed25519PrivateKey.from_private_bytes(ONE.seed).sign(text.encode())
    packed = base64.b64encode(ONE.verifier.id + signature).decode()
    with pytest.raises(notes.NotANote, match="control characters"):
        notes.opened(f"{text}\n— {ONE.name} {packed}\n".encode(), ONE.verifier)


@given(st.binary(max_size=300))
def test_what_is_no_note_is_said_to_be_none(anything: bytes) -> None:
    with pytest.raises(notes.NotANote):
        notes.opened(anything, ONE.verifier)


@pytest.mark.parametrize(
    "text", ["no end", "a\tb\n", "a\r\n", "nul\0\n"], ids=["unfinished", "tabulator", "return", "nul"]
)
def test_a_text_that_other_tools_would_refuse_is_not_signed(text: str) -> None:
    with pytest.raises(ValueError, match="control character"):
        notes.signed(text, ONE)


@given(st.integers(0, len(ONE.verifier.line) - 1), st.characters(codec="ascii", exclude_categories=["Cc", "Zs"]))
def test_a_verifier_key_with_any_sign_changed_is_not_taken(place: int, sign: str) -> None:
    line = ONE.verifier.line
    changed = line[:place] + sign + line[place + 1 :]
    if changed == line:
        assert notes.verifier(changed) == ONE.verifier
    else:
        with pytest.raises(notes.NotANote):
            notes.verifier(changed)


def test_a_key_is_kept_for_its_owner_alone_never_written_over_and_not_printed(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "inspector.key"
    key = notes.new_signer("inspector")
    notes.keep(file, key)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert notes.kept(file) == key
    with pytest.raises(FileExistsError):
        notes.keep(file, notes.new_signer("inspector"))
    assert "PRIVATE" not in f"{key!r} {key}"
    file.chmod(0o640)
    with pytest.raises(notes.NotANote, match="0600"):
        notes.kept(file)


def test_a_name_has_no_blank_and_no_plus() -> None:
    assert notes.new_signer("a.example/b").name == "a.example/b"
    for name in ("", "a b", "a+b", "a\nb"):
        with pytest.raises(ValueError, match="no blank"):
            notes.new_signer(name)
