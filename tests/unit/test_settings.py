"""Settings are right as a whole or refused as a whole, with one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from server import settings
from server.errors import BadSettings
from server.settings import ROOT, Settings, load

GOOD = {
    "RINGFENCE_ORIGIN": "https://calls.example",
    "RINGFENCE_PROXIES": "1",
    "RINGFENCE_ACCOUNTABLE_PERSON": "Ada Example",
    "RINGFENCE_ACCOUNTABLE_CONTACT": "safety@calls.example",
}


def test_production_starts_with_the_few_things_it_needs() -> None:
    found = load(GOOD)
    assert found.origins == {"https://calls.example"}
    assert found.hosts == {"calls.example"}
    assert found.https
    assert found.cookie_name == "__Host-ringfence"
    assert not found.demo


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"RINGFENCE_ORIGIN": ""}, "ORIGIN is missing"),
        ({"RINGFENCE_ORIGIN": "http://calls.example"}, "not https"),
        ({"RINGFENCE_ORIGIN": "https://calls.example,http://calls.example"}, "not https"),
        ({"RINGFENCE_ORIGIN": "https://*.example"}, "without a path"),
        ({"RINGFENCE_ORIGIN": "https://calls.example/"}, "without a path"),
        ({"RINGFENCE_ORIGIN": "https://calls.example:443"}, "usual port"),
        ({"RINGFENCE_ORIGIN": "https://a@calls.example"}, "without a path"),
        ({"RINGFENCE_ORIGIN": "https://calls.example:x"}, "without a path"),
        ({"RINGFENCE_ORIGIN": "calls.example"}, "a scheme and a host name"),
        ({"RINGFENCE_ACCOUNTABLE_PERSON": " "}, "ACCOUNTABLE_PERSON is missing"),
        ({"RINGFENCE_ACCOUNTABLE_CONTACT": ""}, "ACCOUNTABLE_CONTACT is missing"),
        ({"RINGFENCE_PROXIES": "0"}, "Somebody must speak https"),
        ({"RINGFENCE_PROXIES": "0", "RINGFENCE_HOST": "0.0.0.0"}, "plain HTTP to a network"),
        ({"RINGFENCE_PROXIES": "9"}, "8 at most"),
        ({"RINGFENCE_PROXIES": "-1"}, "whole number"),
        ({"RINGFENCE_PORT": "eighty"}, "whole number"),
        ({"RINGFENCE_PORT": "65536"}, "whole number"),
        ({"RINGFENCE_HOST": ""}, "HOST is empty"),
        ({"RINGFENCE_HOST": "localhost"}, "list of IP addresses"),
        ({"RINGFENCE_GATE_HOST": "0.0.0.0,127.0.0.1"}, "at most one"),
        ({"RINGFENCE_GATE_HOST": ""}, "GATE_HOST"),
        ({"RINGFENCE_GATE_ADDRESSES": "gate.example"}, "GATE_ADDRESSES"),
        ({"RINGFENCE_DATABASE": "mysql://x"}, "DATABASE starts with"),
        ({"RINGFENCE_CERTIFICATE": "a.pem"}, "go together"),
        ({"RINGFENCE_CERTIFICATE": "no.pem", "RINGFENCE_CERTIFICATE_KEY": "no.pem"}, "cannot be read"),
        ({"RINGFENCE_LOG_LEVEL": "everything"}, "LOG_LEVEL"),
        ({"RINGFENCE_CHECKPOINT_MINUTES": "0"}, "can be rewritten unseen"),
        ({"RINGFENCE_CHECKPOINT_MINUTES": "1441"}, "1 to 1440"),
        ({"RINGFENCE_DEMO": "maybe"}, "yes or no"),
        ({"RINGFENCE_DEMO_ON_NETWORK": "yes"}, "production refuses it"),
        ({"RINGFENCE_ORIGINS": "https://x.example"}, "Did you mean RINGFENCE_ORIGIN?"),
        ({"RINGFENCE_SETTINGS": "missing.toml"}, "cannot be read"),
    ],
)
def test_production_refuses(change: dict[str, str], sentence: str) -> None:
    with pytest.raises(BadSettings) as refused:
        load(GOOD | change)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_every_refusal_in_the_table_is_tested() -> None:
    marks = next(mark for mark in test_production_refuses.pytestmark if mark.name == "parametrize")
    shown = [case[1] for case in marks.args[1]] + [
        "only serves this machine",
        "file of its own",
        "CERTIFICATE_KEY cannot be read",
    ]
    assert not [one for _, one in settings._UNSAFE if not any(part in one for part in shown)]


def test_an_unreadable_key_is_said_apart_from_an_unreadable_certificate(tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_text("x")
    files = {"RINGFENCE_CERTIFICATE": str(tmp_path / "c.pem"), "RINGFENCE_CERTIFICATE_KEY": str(tmp_path / "none")}
    with pytest.raises(BadSettings, match="CERTIFICATE_KEY cannot be read"):
        load(GOOD | files)


def test_the_demo_serves_this_machine_only_unless_told() -> None:
    here = load({"RINGFENCE_DEMO": "yes"})
    assert "http://maya.localhost:8080" in here.origins
    assert here.cookie_name == "ringfence"
    with pytest.raises(BadSettings, match="only serves this machine"):
        load({"RINGFENCE_DEMO": "yes", "RINGFENCE_HOST": "0.0.0.0"})
    assert load({"RINGFENCE_DEMO": "yes", "RINGFENCE_HOST": "0.0.0.0", "RINGFENCE_DEMO_ON_NETWORK": "yes"}).demo


def test_the_demo_never_touches_the_real_records() -> None:
    assert load({"RINGFENCE_DEMO": "yes"}).database_url != load(GOOD).database_url
    named = {"RINGFENCE_DATABASE": "sqlite+aiosqlite:///real.sqlite"}
    assert load(GOOD | named).database == named["RINGFENCE_DATABASE"]
    for environ, over in (({"RINGFENCE_DEMO": "yes"} | named, {}), (named, {"demo": True})):
        with pytest.raises(BadSettings, match="a file of its own"):
            load(environ, over=over)


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(tmp_path: Path) -> None:
    file = tmp_path / "ringfence.toml"
    file.write_text('port = 1000\nproxies = 2\nhost = ["127.0.0.1"]\n')
    where = {"RINGFENCE_SETTINGS": str(file)}
    assert load({**GOOD, "RINGFENCE_PROXIES": "1", **where}).port == 1000
    assert load({**GOOD, "RINGFENCE_PORT": "2000", **where}).port == 2000
    assert load({**GOOD, "RINGFENCE_PORT": "2000", **where}, over={"port": 3000}).port == 3000
    assert load({**GOOD, **where}).host == ("127.0.0.1",)


@pytest.mark.parametrize("text", ["port = 'x", "prot = 1", "port = true", "host = 5", "gate_host = [1]", "data = 1"])
def test_a_wrong_file_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "ringfence.toml"
    file.write_text(text)
    with pytest.raises(BadSettings):
        load({**GOOD, "RINGFENCE_SETTINGS": str(file)})


def test_other_programs_variables_are_not_ours() -> None:
    assert load({**GOOD, "PORT": "1", "PATH": "/bin"}) == load(GOOD)


def test_every_setting_says_what_it_is_for() -> None:
    for field in settings._FIELDS.values():
        assert field.metadata["says"].endswith(".")


def test_the_settings_page_is_current() -> None:
    assert (ROOT / "docs/reference/settings.md").read_text() == settings.reference()


def test_settings_cannot_be_changed_later() -> None:
    with pytest.raises(AttributeError):
        Settings().port = 1  # type: ignore[misc]  # that it is refused is the point
