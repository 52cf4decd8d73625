"""The gate's one door to the network: a UDP port, held on both IP families, and the addresses it is told to be at."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Sequence

import ifaddr

from signalling.gate.terms import GateConfig, GateUnavailable

KERNEL_BUFFER = 4 * 1024 * 1024
"""Bytes asked of the kernel, each way (it may grant less): a key frame of every call at once must fit."""
TRIES = 20
"""Times to look for a port that is free on both families."""
MOST_ADDRESSES = 8
"""Candidates in an offer; each costs every client a few checks."""

FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
NO_IPV6 = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


def open_sockets(config: GateConfig) -> dict[int, socket.socket]:
    """Bound, non-blocking sockets by IP version, all on one port; raises GateUnavailable in one sentence.

    A host without IPv6 gets IPv4 alone when both were wished for.
    """
    for _ in range(TRIES if config.port == 0 else 1):
        try:
            return _open_pair(config)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise GateUnavailable(f"The gate cannot open a UDP socket: {error.strerror}.") from error
    raise GateUnavailable(f"The gate's UDP port {config.port} is already taken.")


def _open_pair(config: GateConfig) -> dict[int, socket.socket]:
    opened: dict[int, socket.socket] = {}
    port = config.port
    try:
        for version, host in ((4, config.host4), (6, config.host6)):
            if host is None:
                continue
            try:
                opened[version] = _open_one(version, host, port)
            except OSError as error:
                if version == 6 and 4 in opened and host == "::" and error.errno in NO_IPV6:
                    continue
                raise
            port = opened[version].getsockname()[1]
    except OSError:
        for each in opened.values():
            each.close()
        raise
    return opened


def _open_one(version: int, host: str, port: int) -> socket.socket:
    opened = socket.socket(FAMILIES[version], socket.SOCK_DGRAM)
    try:
        if version == 6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BUFFER)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BUFFER)
        opened.bind((host, port))
        opened.setblocking(False)
    except OSError:
        opened.close()
        raise
    return opened


def candidate_addresses(config: GateConfig, versions: Sequence[int]) -> tuple[str, ...]:
    """What browsers shall try, the best first; raises GateUnavailable if there is no address at all.

    Configured ones win. A wildcard becomes the host's own addresses: loopback only if there is nothing else,
    because Firefox fails on a 127.0.0.1 candidate; never link-local, which means nothing without its interface.
    """
    if config.public_addresses:
        return config.public_addresses[:MOST_ADDRESSES]
    own = _own_addresses()
    found: list[str] = []
    for version, host in ((4, config.host4), (6, config.host6)):
        if host is None or version not in versions:
            continue
        if ipaddress.ip_address(host).is_unspecified:
            found += [address for address in own if ipaddress.ip_address(address).version == version]
        else:
            found.append(host)
    outside = [address for address in found if not ipaddress.ip_address(address).is_loopback]
    chosen = (outside or found)[:MOST_ADDRESSES]
    if not chosen:
        raise GateUnavailable("The gate found no network interface with an address for calls.")
    return tuple(chosen)


def _own_addresses() -> list[str]:
    found = []
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            text = ip.ip if isinstance(ip.ip, str) else ip.ip[0]
            if not ipaddress.ip_address(text.partition("%")[0]).is_link_local:
                found.append(text)
    return found
