"""What the person who runs Ringfence decides: one frozen value, read once, refused as a whole when it is wrong or unsafe.

Each setting is one field below: its name in a TOML file is the field's, in the environment ``RINGFENCE_`` and the field's in
capitals, and the environment wins. Nothing else in the house reads the environment. A name that we do not know is refused
(a misspelt guard is a missing guard), and so is everything on the list at ``_UNSAFE``: production is https, has a named
accountable person (ICO children's code, standard 2 and Online Safety Act s. 10 measures ask who answers for it), and the demo's
one-click sign-in never meets a network by accident. There is no setting that makes a rule weaker.

``python -m server.settings`` prints docs/reference/settings.md.
"""

from __future__ import annotations

import dataclasses
import difflib
import ipaddress
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from server.errors import BadSettings

PREFIX: Final = "RINGFENCE_"
FILE: Final = "RINGFENCE_SETTINGS"  #: names the TOML file; not itself a setting
ROOT: Final = Path(__file__).resolve().parent.parent

#: The host names of the demo's made-up people; server/demo.py seeds exactly these.
DEMO_SLUGS: Final = ("maya", "sam", "theo", "femi", "gran", "kit", "alex")


_EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - media must be reachable; the gate answers nothing unauthenticated


def _says(default: Any, sentence: str) -> Any:
    return dataclasses.field(default=default, metadata={"says": sentence})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting with its default. Defaults are safe on a machine of one's own."""

    host: tuple[str, ...] = _says(("127.0.0.1", "::1"), "Addresses to serve HTTP on.")
    port: int = _says(8080, "TCP port for HTTP. 0 takes any free one.")
    origin: tuple[str, ...] = _says(
        (), "Where the pages are reached: `https://calls.example`. Requests from any other page are refused."
    )
    proxies: int = _says(
        0, "How many reverse proxies of your own stand in front. Their `X-Forwarded-For` is believed, nobody else's."
    )
    certificate: str = _says("", "PEM file with the certificate chain, when this process serves https itself.")
    certificate_key: str = _says("", "PEM file with the certificate's private key.")
    data: str = _says("var", "Folder for the database and the demo's certificate.")
    database: str = _says(
        "", "Database URL, `sqlite+aiosqlite:///…` or `postgresql+asyncpg://…`. Empty: SQLite under `data`."
    )
    gate_host: tuple[str, ...] = _says(
        _EVERYWHERE, "Addresses on which the media gate listens, at most one of each family."
    )
    gate_port: int = _says(
        0, "UDP port of the media gate. 0 takes any free one; behind a firewall choose one and open it."
    )
    gate_addresses: tuple[str, ...] = _says(
        (), "Addresses that devices are told for media, when they differ from the machine's own (NAT)."
    )
    accountable_person: str = _says(
        "", "Who answers for the safety of this service, by name and role. Production does not start without."
    )
    accountable_contact: str = _says("", "How that person is reached: an e-mail address or a page.")
    checkpoint_minutes: int = _says(
        60,
        "How often the ends of all chains of the record are signed, in minutes. What was written since is not covered yet.",
    )
    demo: bool = _says(
        False, "Made-up families with one-click sign-in. `ringfence demo` sets it; production never has it."
    )
    demo_on_network: bool = _says(
        False, "Lets the demo listen beyond this machine. Everybody on that network can be every made-up person."
    )
    log_level: str = _says(
        "info", "How much is logged: debug, info, warning or error. No level logs content, names or addresses."
    )

    @property
    def https(self) -> bool:
        """Whether devices reach us by https; then the cookie is Secure and HSTS is sent."""
        return bool(self.origin) and all(one.startswith("https://") for one in self.origin)

    @property
    def cookie_name(self) -> str:
        """``__Host-`` binds the cookie to this very host (RFC 6265bis); browsers take it over https only."""
        return "__Host-ringfence" if self.https else "ringfence"

    @property
    def inspector_cookie(self) -> str:
        """An inspector's sign-in is another one: no route of families looks at it."""
        return f"{self.cookie_name}-inspector"

    @property
    def origins(self) -> frozenset[str]:
        """Every origin whose pages may change something here."""
        if self.origin or not self.demo:
            return frozenset(self.origin)
        names = ("localhost", *(f"{slug}.localhost" for slug in DEMO_SLUGS))
        return frozenset(f"http://{name}:{self.port}" if self.port != 80 else f"http://{name}" for name in names)

    @property
    def hosts(self) -> frozenset[str]:
        """Every value of the ``Host`` header that we answer to (another name on our address is DNS rebinding)."""
        return frozenset(urlsplit(one).netloc for one in self.origins)

    @property
    def database_url(self) -> str:
        return (
            self.database
            or f"sqlite+aiosqlite:///{Path(self.data) / ('demo.sqlite' if self.demo else 'ringfence.sqlite')}"
        )


def load(environ: Mapping[str, str], *, over: Mapping[str, Any] | None = None) -> Settings:
    """Settings from the TOML file that ``RINGFENCE_SETTINGS`` names, then the environment, then the command line (``over``).
    Raises ``BadSettings`` with one sentence; nothing has been started by then."""
    said: dict[str, Any] = {}
    if path := environ.get(FILE):
        said.update(_file(Path(path)))
    for name, value in environ.items():
        if name.startswith(PREFIX) and name != FILE:
            said[_known(name.removeprefix(PREFIX).lower(), name)] = value
    said.update(over or {})
    settings = Settings(**{name: _parse(name, value) for name, value in said.items()})
    for wrong, sentence in _UNSAFE:
        if wrong(settings):
            raise BadSettings(sentence)
    return settings


def _file(path: Path) -> dict[str, Any]:
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise BadSettings(f"The settings file named by {FILE} cannot be read: {fault.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise BadSettings(f"The settings file named by {FILE} is not TOML: {fault}.") from None
    return {_known(name, name): value for name, value in found.items()}


def _known(name: str, as_written: str) -> str:
    if name in _FIELDS:
        return name
    near = difflib.get_close_matches(name, _FIELDS, n=1)
    meant = f" Did you mean {PREFIX}{near[0].upper()}?" if near else ""
    raise BadSettings(f"There is no setting {as_written}.{meant}")


def _parse(name: str, value: Any) -> Any:
    """One value as its field's type, from TOML's types or the environment's text."""
    default = _FIELDS[name].default
    shown = f"{PREFIX}{name.upper()}"
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
        if str(value).lower() in ("yes", "true", "1", "on"):
            return True
        if str(value).lower() in ("no", "false", "0", "off", ""):
            return False
        raise BadSettings(f"{shown} is yes or no.")
    if isinstance(default, int):
        text = str(value)
        if isinstance(value, bool) or not text.isascii() or not text.isdigit() or not 0 <= int(text) <= 65_535:
            raise BadSettings(f"{shown} is a whole number from 0 to 65535.")
        return int(text)
    if isinstance(default, tuple):
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
            raise BadSettings(f"{shown} is a list of texts (in the environment: separated by commas).")
        return tuple(part.strip() for part in parts if part.strip())
    if not isinstance(value, str):
        raise BadSettings(f"{shown} is a text.")
    return value.strip()


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _not_an_origin(text: str) -> bool:
    """True unless the text is exactly what a browser would send as ``Origin`` (RFC 6454 - 6.2)."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return True
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    if usual is None or port == usual or not parts.hostname or any(sign in text for sign in "*@?#"):
        return True
    return text != f"{parts.scheme}://{parts.netloc}".lower()


def _address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _families(hosts: tuple[str, ...]) -> list[int]:
    return [ipaddress.ip_address(host).version for host in hosts if _address(host)]


def _unreadable(path: str) -> bool:
    try:
        with open(path, "rb"):
            return False
    except OSError:
        return True


#: What we refuse to start with: the question and the sentence, asked in this order.
_UNSAFE: Final[tuple[tuple[Callable[[Settings], bool], str], ...]] = (
    (lambda s: not s.host, "RINGFENCE_HOST is empty: name at least one address to serve on."),
    (lambda s: not all(map(_address, s.host)), "RINGFENCE_HOST is a list of IP addresses, such as 127.0.0.1,::1."),
    (
        lambda s: not s.gate_host or not all(map(_address, s.gate_host)),
        "RINGFENCE_GATE_HOST is a list of one or two IP addresses.",
    ),
    (
        lambda s: len(set(_families(s.gate_host))) != len(s.gate_host),
        "RINGFENCE_GATE_HOST takes at most one IPv4 and one IPv6 address.",
    ),
    (lambda s: not all(map(_address, s.gate_addresses)), "RINGFENCE_GATE_ADDRESSES is a list of IP addresses."),
    (
        lambda s: s.log_level not in ("debug", "info", "warning", "error"),
        "RINGFENCE_LOG_LEVEL is debug, info, warning or error.",
    ),
    (lambda s: s.proxies > 8, "RINGFENCE_PROXIES is the number of your own proxies in front, 8 at most."),
    (
        lambda s: any(map(_not_an_origin, s.origin)),
        "RINGFENCE_ORIGIN is a scheme and a host name, such as https://calls.example, without a path, a usual port or a star.",
    ),
    (
        lambda s: bool(s.database) and not s.database.startswith(("sqlite+aiosqlite:///", "postgresql+asyncpg://")),
        "RINGFENCE_DATABASE starts with sqlite+aiosqlite:/// or postgresql+asyncpg://.",
    ),
    (
        lambda s: bool(s.certificate) != bool(s.certificate_key),
        "RINGFENCE_CERTIFICATE and RINGFENCE_CERTIFICATE_KEY go together.",
    ),
    (
        lambda s: bool(s.certificate) and _unreadable(s.certificate),
        "The file named by RINGFENCE_CERTIFICATE cannot be read.",
    ),
    (
        lambda s: bool(s.certificate) and _unreadable(s.certificate_key),
        "The file named by RINGFENCE_CERTIFICATE_KEY cannot be read.",
    ),
    (
        lambda s: not 1 <= s.checkpoint_minutes <= 1_440,
        "RINGFENCE_CHECKPOINT_MINUTES is 1 to 1440: a record that is never signed can be rewritten unseen.",
    ),
    (
        lambda s: s.demo and bool(s.database),
        "The demo empties its records whenever it opens, so it only uses a file of its own: leave RINGFENCE_DATABASE out.",
    ),
    (
        lambda s: s.demo and not s.demo_on_network and not all(map(_loopback, s.host)),
        "The demo lets anybody be anybody, so it only serves this machine. Set RINGFENCE_DEMO_ON_NETWORK=yes if the whole network may.",
    ),
    (
        lambda s: s.demo_on_network and not s.demo,
        "RINGFENCE_DEMO_ON_NETWORK is for the demo only; production refuses it.",
    ),
    (
        lambda s: not s.demo and not s.origin,
        "RINGFENCE_ORIGIN is missing: say where the pages are reached, such as https://calls.example.",
    ),
    (
        lambda s: not s.demo and not s.https,
        "RINGFENCE_ORIGIN is not https. Production serves https only; `ringfence demo` is there to try things out.",
    ),
    (
        lambda s: not s.demo and not s.accountable_person,
        "RINGFENCE_ACCOUNTABLE_PERSON is missing: name who answers for the safety of this service.",
    ),
    (
        lambda s: not s.demo and not s.accountable_contact,
        "RINGFENCE_ACCOUNTABLE_CONTACT is missing: say how the accountable person is reached.",
    ),
    (
        lambda s: not s.demo and not s.certificate and not s.proxies and not all(map(_loopback, s.host)),
        "This would serve plain HTTP to a network: give RINGFENCE_CERTIFICATE, "
        "or say with RINGFENCE_PROXIES how many https proxies stand in front.",
    ),
    (
        lambda s: not s.demo and not s.certificate and not s.proxies,
        "Somebody must speak https: give RINGFENCE_CERTIFICATE, or set RINGFENCE_PROXIES=1 for an https proxy in front.",
    ),
)

_FIELDS: Final = {field.name: field for field in dataclasses.fields(Settings)}


def reference() -> str:
    """docs/reference/settings.md."""
    lines = [
        "# Settings",
        "",
        "Each setting is read from the environment, or from the TOML file that `RINGFENCE_SETTINGS` names.",
        "In the file the name is in small letters, without `RINGFENCE_`.",
        "The environment wins over the file, the command line over both.",
        "Lists are separated by commas in the environment.",
        "A name that is not in this table is refused, with exit status 2 and one sentence, before anything starts.",
        "This page is printed by `python -m server.settings`; a test holds it current.",
        "",
        "| Setting | Default | What it says |",
        "|---|---|---|",
    ]
    for name, field in _FIELDS.items():
        lines.append(f"| `{PREFIX}{name.upper()}` | {_shown(field.default)} | {field.metadata['says']} |")
    lines += ["", "## Refused", "", "The server does not start, and says this one sentence:", ""]
    lines += [f"- {sentence}" for _, sentence in _UNSAFE]
    lines += [
        "",
        "## Not settings",
        "",
        "No setting makes a rule weaker, logs content, records media or shortens the password hash.",
        "Tests get their clock and their cheap hash as arguments of `build_app`, never from the environment.",
        "",
    ]
    return "\n".join(lines)


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return "yes" if default else "no"
    if isinstance(default, tuple):
        return f"`{','.join(default)}`" if default else "–"
    return f"`{default}`" if default != "" else "–"


if __name__ == "__main__":
    print(reference(), end="")  # noqa: T201 - this is the generator of a page
