"""Words that a child can read out loud to another: friend codes and pairing codes.

Four words of 2,048 are 44 bits. That is plenty for a code that lives ten minutes, works once and may be guessed at only a few
times, and too little for anything else: nothing here is a password. The list is ours (``server/data/words.txt``): plain words
of three to seven letters, chosen to be hard to mishear and easy to type. No two begin with the same four letters, so a box can
complete them early; no two differ by a single letter, so one slip never makes another word; no two sound the same; and
spellings that depend on the country are left out.

A code is kept only as its hash. Words that are not on the list are hashed like any others: a wrong code is a wrong code, and takes
exactly as long.
"""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Final

COUNT: Final = 4  # words in a code: 4 x 11 bits (design 3.12)


@cache
def every() -> tuple[str, ...]:
    """The list, in order."""
    return tuple(resources.files("server").joinpath("data/words.txt").read_text("ascii").split())


def make() -> tuple[str, ...]:
    """A fresh code: four different words."""
    return tuple(secrets.SystemRandom().sample(every(), COUNT))


def digest(words: Sequence[str]) -> bytes:
    """What is kept of a code: SHA-256 over the words as a careful reader would have typed them."""
    plain = (unicodedata.normalize("NFKC", word).strip().casefold() for word in words)
    return hashlib.sha256(b"ringfence words\0" + " ".join(plain).encode("utf-8", "replace")).digest()
