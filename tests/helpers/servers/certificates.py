"""A certificate for tests, and the authority that signed it."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

AUTHORITY = "authority.pem"


def make_certificate(folder: Path, names: list[str]) -> Path:
    """Write ``server.pem`` and ``server.key`` for these DNS names, and AUTHORITY; the path of ``server.pem``."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _sign(authority_key, authority_key, x509.BasicConstraints(True, None))
    leaf = _sign(key, authority_key, x509.SubjectAlternativeName([x509.DNSName(name) for name in names]))
    pem = serialization.Encoding.PEM
    (folder / AUTHORITY).write_bytes(authority.public_bytes(pem))
    (folder / "server.pem").write_bytes(leaf.public_bytes(pem))
    (folder / "server.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "server.pem"


def _sign(key: Any, signer: Any, extension: x509.ExtensionType) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    is_authority = key is signer
    builder = x509.CertificateBuilder(
        issuer_name=x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "an authority")]),
        subject_name=x509.Name(
            [x509.NameAttribute(x509.NameOID.COMMON_NAME, "an authority" if is_authority else "a server")]
        ),
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - datetime.timedelta(days=1),
        not_valid_after=now + datetime.timedelta(days=30),
    )
    return builder.add_extension(extension, is_authority).sign(signer, hashes.SHA256())
