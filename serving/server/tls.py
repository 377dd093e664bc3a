"""TLS from TF Serving's ``--ssl_config_file``."""

from __future__ import annotations

import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path

import grpc

from tidegate.serving.server import textproto
from tidegate.serving.server.config_messages import message_class
from tidegate.serving.server.options import ConfigError

_FLAG = "--ssl_config_file"


@dataclass(frozen=True)
class SslConfig:
    """A server's identity, and which clients it takes.

    Attributes:
      server_key: private key, PEM.
      server_cert: certificate with its chain, PEM.
      custom_ca: authorities that sign clients' certificates, PEM; empty for the system's.
      client_verify: whether clients must show a certificate.
    """

    server_key: bytes
    server_cert: bytes
    custom_ca: bytes
    client_verify: bool

    def credentials(self) -> grpc.ServerCredentials:
        """What a port is opened with."""
        return grpc.ssl_server_credentials(
            [(self.server_key, self.server_cert)],
            root_certificates=self.custom_ca or None,
            require_client_auth=self.client_verify,
        )

    def context(self) -> ssl.SSLContext:
        """The same for Python's own TLS.

        Raises:
          ssl.SSLError, ValueError: key and certificates cannot be used.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            # Readable by this user alone; Python's ssl takes keys from files only.
            key, cert = Path(folder, "key.pem"), Path(folder, "cert.pem")
            for file, text in ((key, self.server_key), (cert, self.server_cert)):
                file.touch(mode=0o600)
                file.write_bytes(text)
            context.load_cert_chain(cert, key)
        if self.custom_ca:
            context.load_verify_locations(cadata=self.custom_ca.decode("ascii", "replace"))
        elif self.client_verify:
            context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
        if self.client_verify:
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def read_ssl_config(path: Path) -> SslConfig:
    """Reads ``--ssl_config_file``.

    Raises:
      ConfigError: the file cannot be read, or holds no key and certificate in PEM.
    """
    config = textproto.read(path, message_class("SSLConfig")(), _FLAG)
    for field in ("server_key", "server_cert", "custom_ca"):
        value = getattr(config, field)
        if field == "custom_ca" and not value:
            if config.client_verify:
                raise ConfigError(
                    f"{_FLAG}: {path}: client_verify needs custom_ca, the certificate "
                    "that signs the clients'"
                )
            continue
        if "-----BEGIN " not in value:
            raise ConfigError(
                f"{_FLAG}: {path}: {field} holds no PEM text; expected the contents of "
                "a file that starts with -----BEGIN"
            )
    found = SslConfig(
        server_key=config.server_key.encode(),
        server_cert=config.server_cert.encode(),
        custom_ca=config.custom_ca.encode(),
        client_verify=config.client_verify,
    )
    try:
        found.context()  # gRPC would only say that it cannot listen.
    except (ssl.SSLError, ValueError) as error:
        raise ConfigError(
            f"{_FLAG}: {path}: server_key, server_cert and custom_ca cannot be used: "
            f"{error}; expected PEM texts, the key being the certificate's"
        ) from error
    return found
