"""The SMTP adapter over TLS: whom it trusts, and what it sends before."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from channels.email.opening import Relay, Security
from channels.email.smtp import SmtpChannel
from channels.protocol import Outcome, Reason
from tests.channels.handing import Handed, messages, send
from tests.channels.relay import Script, ScriptedRelay

OFFERS = ("PIPELINING", "STARTTLS", "AUTH PLAIN")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate and its key for "localhost", its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return path


def talk(
    certificate: Path,
    security: Security,
    *,
    loop: str,
    host: str = "localhost",
    script: Script = lambda *_: None,
) -> tuple[Handed, ScriptedRelay]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    async def handed() -> tuple[Handed, ScriptedRelay]:
        implicit = security is Security.IMPLICIT
        async with ScriptedRelay(offers=OFFERS, tls=context, implicit=implicit, script=script) as relay:
            there = Relay(
                host=host, port=relay.port, security=security, user="me", password="secret", trusted=True
            )
            channel = SmtpChannel(relay=there, envelope_from=lambda _: b"b@example.org", connections=1)
            return await send(channel, messages(20)), relay

    factory = uvloop.new_event_loop if loop == "uvloop" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(handed())


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("security", [Security.STARTTLS, Security.IMPLICIT])
def test_a_relay_with_a_good_certificate_gets_password_and_messages(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, security: Security, loop: str
) -> None:
    """H-30, H-33: nothing but the greeting is said before the connection is secured."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    handed, relay = talk(certificate, security, loop=loop)

    assert {result.outcome for result in handed.results.values()} == {Outcome.ACCEPTED}
    assert len(relay.taken) == 20
    if security is Security.STARTTLS:
        assert [command.split(" ")[0] for command in relay.commands[:4]] == [
            "EHLO",
            "STARTTLS",
            "EHLO",
            "AUTH",
        ]


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.IMPLICIT])
def test_a_relay_that_cannot_prove_itself_gets_nothing(certificate: Path, security: Security) -> None:
    """H-33, Q-26: an unknown authority is a fault of the connection."""
    handed, relay = talk(certificate, security, loop="asyncio")

    assert handed.fault is not None
    assert handed.fault.reason is Reason.UNREACHABLE
    assert "certificate" in handed.fault.detail.lower()
    assert handed.began == []
    assert not relay.said("AUTH")


def test_a_certificate_of_another_name_is_not_good_enough(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """H-33, Q-26"""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    handed, _ = talk(certificate, Security.IMPLICIT, loop="asyncio", host="127.0.0.1")

    assert handed.fault is not None
    assert handed.began == []


def test_what_is_said_in_the_clear_is_no_part_of_the_secured_dialogue(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Q-26: answers injected before TLS end the connection."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    def injecting(verb: str, _argument: str) -> bytes | None:
        return b"220 go on\r\n250 injected" if verb == "STARTTLS" else None

    handed, relay = talk(certificate, Security.STARTTLS, loop="asyncio", script=injecting)

    assert handed.fault is not None
    assert not relay.said("AUTH")
