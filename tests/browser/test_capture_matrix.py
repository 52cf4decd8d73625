"""The public table of who can record what says what the browsers say today (versions and date aside)."""

from __future__ import annotations

import pytest

from tests import capture_matrix
from tests.browser.marionette import FIREFOX

pytestmark = pytest.mark.browser


def without_versions(page: str) -> list[str]:
    return [line for line in page.splitlines() if not line.startswith("Made by ")]


@pytest.mark.slow  # make witness
@pytest.mark.skipif(FIREFOX is None, reason="no Firefox on this machine")
async def test_the_capture_matrix_is_what_the_probes_say() -> None:
    found = await capture_matrix.probe()
    assert without_versions(capture_matrix.PAGE.read_text(encoding="utf-8")) == without_versions(
        capture_matrix.page(found, "today")
    )


def test_a_probe_that_says_something_new_is_not_put_into_old_words() -> None:
    with pytest.raises(ValueError, match="something new"):
        capture_matrix.verdict("AbortError: the moon")
