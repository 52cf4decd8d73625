"""Ringfence, seen from outside: the verbs of ``adapter.py`` in its own HTTP and wire, as pages speak them.

Two ways to be somewhere: ``FreshServer`` starts this very code in a process of its own, ``Elsewhere`` is a server by address.
``Ringfence`` is the platform there, with its ``Home``s; a ``Phone`` is a device of it in a story, a ``Line`` what it speaks over.
"""

from server.inspection.own.answers import LATER, NOES, said_no, told_no
from server.inspection.own.fresh_server import FreshServer
from server.inspection.own.home import Home
from server.inspection.own.line import Line
from server.inspection.own.phone import Phone
from server.inspection.own.ringfence import MOST_SIGN_UPS, Ringfence
from server.inspection.own.where import Elsewhere, is_this_machine

__all__ = [
    "LATER", "MOST_SIGN_UPS", "NOES", "Elsewhere", "FreshServer", "Home", "Line", "Phone", "Ringfence", "is_this_machine", "said_no",
    "told_no",
]  # fmt: skip
