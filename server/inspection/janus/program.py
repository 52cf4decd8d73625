"""The program as Debian has it, and exactly how it is run: without guards, or with all that the plugin has."""

from __future__ import annotations

import glob
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from server.inspection.programs import DidNotStart

INSTALL: Final = "On Debian: apt-get install janus"
SHIPPED: Final = Path("/etc/janus/janus.plugin.videoroom.jcfg")  # where Debian puts the plugin's settings

#: What a room has for keeping people out and apart, besides its own secret, pin and tokens.
GUARDS: Final[Mapping[str, Any]] = {
    "is_private": True,
    "require_pvtid": True,
    "lock_record": True,
    "publishers": 2,
}


def programs(path: str | None = None) -> tuple[str, Path, Path]:
    """The program, the VideoRoom plugin and the WebSocket transport, as they are installed. ``path``: where to look, else PATH."""
    janus = shutil.which("janus", path=path)
    plugin = glob.glob("/usr/lib/*/janus/plugins/libjanus_videoroom.so*")
    transport = glob.glob("/usr/lib/*/janus/transports/libjanus_websockets.so*")
    if janus is None or not plugin or not transport:
        raise DidNotStart(f"Janus with its VideoRoom plugin is not installed. {INSTALL}")
    return janus, Path(plugin[0]), Path(transport[0])


def lay_out(folder: Path, port: int, plugin: Path, transport: Path, admin_key: str) -> None:
    """The private folder that it runs from: its settings, and of its modules only the two that are needed."""
    for name, module in (("plugins", plugin), ("transports", transport)):
        (folder / name).mkdir()
        (folder / name / module.name.split(".so")[0]).with_suffix(".so").symlink_to(module)
    for name in ("events", "loggers"):
        (folder / name).mkdir()
    folders = "\n".join(
        f'\t{name}_folder = "{folder / name}"' for name in ("plugins", "transports", "events", "loggers")
    )
    core = f'general: {{\n\tconfigs_folder = "{folder}"\n{folders}\n\tdebug_level = 3\n}}\n'
    (folder / "janus.jcfg").write_text(core)
    web = (
        f'general: {{\n\tws = true\n\tws_port = {port}\n\tws_ip = "127.0.0.1"\n}}\nadmin: {{\n\tadmin_ws = false\n}}\n'
    )
    (folder / "janus.transport.websockets.jcfg").write_text(web)
    own = folder / "janus.plugin.videoroom.jcfg"
    if admin_key:
        own.write_text(
            f'general: {{\n\tadmin_key = "{admin_key}"\n\tlock_rtp_forward = true\n\tstring_ids = true\n}}\n'
        )
    else:
        shutil.copyfile(SHIPPED, own)


def settings(guarded: bool) -> dict[str, str]:
    """Exactly how it was run."""
    told = {
        "package": "janus from Debian; VideoRoom plugin and WebSocket transport only, on loopback, a free port",
        "Admin API": "off (the default)",
        "ICE": "no STUN or TURN server: all devices are on one machine; everything else of the core by default",
    }
    if not guarded:
        return told | {
            "plugin": "janus.plugin.videoroom.jcfg as shipped",
            "room": "made by create with no argument: no pin, no secret, no tokens, listed",
            "names": "display names are people's own",
            "taking back": "kick",
        }
    return told | {
        "plugin": "admin_key set, lock_rtp_forward = true, string_ids = true; no demo rooms",
        "room": "random id, secret, pin, allowed (a random token for each of the two)",
        "room, more": ", ".join(f"{name} = {str(value).lower()}" for name, value in GUARDS.items()),
        "names": "no display names; the application keeps who is who",
        "taking back": "allowed remove (both tokens), then kick",
    }
