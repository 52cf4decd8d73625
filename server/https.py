"""A certificate made on the spot, so that a second device on the same network can try the demo.

Browsers give camera and microphone to secure pages only, and to a telephone ``http://192.168.…`` is not one. So ``ringfence demo
--https`` makes a key and a self-signed certificate for this machine's names and addresses, keeps them under the data folder
(good for thirty days), and the visitor accepts a warning once. It is for the demo; production brings a real certificate.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import socket
from pathlib import Path
from typing import Final

import ifaddr
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from server.errors import NoNetwork

DAYS: Final = 30


def lan_addresses() -> list[str]:
    """This machine's addresses that another device on the network can reach: IPv4 first, no loopback, no link-local."""
    found = [str(ip.ip if ip.is_IPv4 else ip.ip[0]) for adapter in ifaddr.get_adapters() for ip in adapter.ips]
    usable = [
        one for one in found if not (ipaddress.ip_address(one).is_loopback or ipaddress.ip_address(one).is_link_local)
    ]
    if not usable:
        raise NoNetwork("This machine has no network address that a second device could reach. Is it on a network?")
    return sorted(dict.fromkeys(usable), key=lambda one: (":" in one, one))


def certificate(folder: Path, addresses: list[str]) -> tuple[Path, Path]:
    """Certificate and key (PEM) for ``localhost``, this machine's name and ``addresses``; made anew each time, so that they fit."""
    name = socket.gethostname()
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ringfence demo")])
    today = datetime.datetime.now(datetime.UTC)
    names: list[x509.GeneralName] = [x509.DNSName(one) for one in dict.fromkeys(("localhost", name)) if one.isascii()]
    names += [x509.IPAddress(ipaddress.ip_address(one)) for one in ("127.0.0.1", "::1", *addresses)]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True)
    chain, secret = folder / "demo-certificate.pem", folder / "demo-key.pem"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.unlink(missing_ok=True)
    with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
    return chain, secret
