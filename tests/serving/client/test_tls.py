"""TLS and mutual TLS, with certificates made for the test."""

from __future__ import annotations

import datetime
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.serving.client.scripted import Script, serve
from tidegate.serving.client import Client, Tls, UnavailableError


def certificate(
    folder: Path, name: str, signer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Writes NAME.crt and NAME.key; without a signer, an authority's own."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer[0].subject if signer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(signer[1] if signer else key, hashes.SHA256())
    )
    (folder / f"{name}.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return made, key


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the authority's, the server's and a client's certificates."""
    folder = tmp_path_factory.mktemp("pem")
    authority = certificate(folder, "authority", None)
    certificate(folder, "models.example", authority)
    certificate(folder, "client", authority)
    return folder


def credentials(pem: Path, mutual: bool) -> grpc.ServerCredentials:
    pair = ((pem / "models.example.key").read_bytes(), (pem / "models.example.crt").read_bytes())
    authority = (pem / "authority.crt").read_bytes() if mutual else None
    return grpc.ssl_server_credentials([pair], authority, require_client_auth=mutual)


def test_tls(pem: Path, script: Script) -> None:
    trusted = Tls.from_files(ca=pem / "authority.crt", server_name="models.example")
    with serve(script, credentials=credentials(pem, mutual=False)) as address:
        with Client(address, tls=trusted) as client:
            assert client.predict("echo", {"x": [1.0]})["x"].tolist() == [1]
        for wrong in (None, Tls(), Tls.from_files(ca=pem / "authority.crt")):
            with Client(address, tls=wrong, retries=1) as client, pytest.raises(UnavailableError):
                client.signatures("echo")


def test_mutual_tls(pem: Path, script: Script) -> None:
    ca, name = pem / "authority.crt", "models.example"
    with serve(script, credentials=credentials(pem, mutual=True)) as address:
        known = Tls.from_files(ca, pem / "client.crt", pem / "client.key", name)
        with Client(address, tls=known) as client:
            assert client.predict("echo", {"x": [1.0]})["x"].tolist() == [1]
        unknown = Tls.from_files(ca, server_name=name)
        with Client(address, tls=unknown, retries=1) as client, pytest.raises(UnavailableError):
            client.signatures("echo")


def test_half_of_mutual_tls_is_refused(pem: Path) -> None:
    with pytest.raises(ValueError, match="certificate and its key"):
        Tls.from_files(certificate=pem / "client.crt")
    with pytest.raises(FileNotFoundError):
        Tls.from_files(ca=pem / "nosuch.crt")
