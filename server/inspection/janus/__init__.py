"""Janus Gateway's VideoRoom, a conference server: as it comes, or with its own guards on.

VideoRoom forwards what each publisher in a room sends to the subscribers in it. A room has a number, and may have a pin, a list of
tokens that let one in (``allowed``), and a secret for whoever administers it. It knows no families and has no ring: which people a
room is for, and who is told of it, is left to the application. So the smallest application there can be stands here, and its
whole part is this: when two families say yes it has a room made for their two children and gives each child's device the room's
number (and pin and token, where there are any); when one takes the yes back it uses what VideoRoom's documentation says for that
(take the tokens off the list, then kick). A device sees that a friend is "ringing" by looking who is in the rooms that it was given.

``Janus(guarded=False)``: the files as Debian ships them, rooms made with the defaults. ``Janus(guarded=True)``: everything that the
plugin has for keeping people out and apart, on. Wire: the WebSocket transport, ``janus-protocol``, as documented with version 1.1.
"""

from server.inspection.janus.guest import Room
from server.inspection.janus.platform import Janus
from server.inspection.janus.program import lay_out, programs
from server.inspection.janus.wire import PLUGIN, people_in, read

__all__ = ["PLUGIN", "Janus", "Room", "lay_out", "people_in", "programs", "read"]
