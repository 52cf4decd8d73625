"""The gate leans on a few names that their makers never promised. They are pinned in pyproject.toml; this says which."""

from __future__ import annotations

import inspect

import pylibsrtp
import pytest
from aioice import stun
from aiortc import rtp
from OpenSSL import SSL
from pylibsrtp import Policy, Session


@pytest.mark.parametrize("name", ["srtp_protect", "srtp_unprotect", "srtp_protect_rtcp", "srtp_unprotect_rtcp"])
def test_pylibsrtps_private_binding_still_has_what_the_gate_calls(name: str) -> None:
    from pylibsrtp import _binding

    assert callable(getattr(_binding.lib, name))


def test_a_session_still_keeps_its_c_handle_where_the_gate_finds_it() -> None:
    policy = Policy(key=bytes(44), ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=Policy.SRTP_PROFILE_AEAD_AES_256_GCM)
    assert Session(policy)._srtp[0] is not None


def test_the_numbers_of_libsrtps_replay_errors_are_still_what_the_gate_takes_them_for() -> None:
    assert pylibsrtp.ERRORS[9].startswith("replay check failed (bad index)")
    assert pylibsrtp.ERRORS[10].startswith("replay check failed (index too old)")


def test_aioices_stun_module_still_reads_and_signs_messages() -> None:
    assert list(inspect.signature(stun.parse_message).parameters) == ["data"]
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, attributes={"USERNAME": "a:b"})
    message.add_message_integrity(b"secret")
    read = stun.parse_message(bytes(message))
    assert read.check_message_integrity(b"secret")
    assert not read.check_message_integrity(b"another")


@pytest.mark.parametrize(
    "name",
    [
        "RtcpPacket", "RtcpSrPacket", "RtcpRrPacket", "RtcpPsfbPacket", "RtcpRtpfbPacket", "RtcpSenderInfo",
        "RtcpReceiverInfo", "pack_remb_fci", "unpack_remb_fci", "clamp_packets_lost", "RTCP_PSFB_PLI", "RTCP_PSFB_FIR",
        "RTCP_PSFB_APP", "RTCP_RTPFB_NACK", "AnyRtcpPacket",
    ],
)  # fmt: skip
def test_aiortcs_rtp_module_still_has_what_the_gate_uses(name: str) -> None:
    assert hasattr(rtp, name)


@pytest.mark.parametrize(
    "name",
    ["DTLSv1_get_timeout", "DTLSv1_handle_timeout", "export_keying_material", "get_selected_srtp_profile"],
)
def test_pyopenssl_still_offers_the_dtls_calls(name: str) -> None:
    assert callable(getattr(SSL.Connection, name))
