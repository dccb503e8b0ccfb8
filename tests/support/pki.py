"""Authorities and certificates for tests, as PEM; elliptic keys, because they are quick."""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
DAY = timedelta(days=1)


def key_pem(key: Key) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def encoded(pem: str) -> str:
    """As the ``data`` of a Secret holds it."""
    return base64.b64encode(pem.encode()).decode()


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _alternative(name: str) -> x509.GeneralName:
    if "://" in name:
        return x509.UniformResourceIdentifier(name)
    if name.replace(".", "").isdigit():
        return x509.IPAddress(ip_address(name))
    return x509.DNSName(name)


@dataclass(frozen=True)
class Leaf:
    """A certificate and its key."""

    certificate: str
    key: str

    def files(self, folder: Path, name: str) -> tuple[str, str]:
        """The paths of both, for clients that read files."""
        paths = folder / f"{name}.crt", folder / f"{name}.key"
        for path, text in zip(paths, (self.certificate, self.key), strict=True):
            path.write_text(text, encoding="utf-8")
        return str(paths[0]), str(paths[1])

    def secret(self, name: str, *, authority: str = "", namespace: str = "istio-system") -> str:
        """The YAML of a Secret that holds it, and the authority of its clients."""
        entries = {"tls.crt": self.certificate, "tls.key": self.key}
        if authority:
            entries["ca.crt"] = authority
        lines = "".join(f"  {entry}: {encoded(text)}\n" for entry, text in entries.items())
        return (
            "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls\n"
            f"metadata: {{name: {name}, namespace: {namespace}}}\ndata:\n{lines}---\n"
        )


class Authority:
    """Signs leaves."""

    def __init__(self, name: str = "root", *, now: datetime | None = None) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._now = now or datetime.now(UTC)
        self._subject = _name(name)
        self._certificate = self._signed(
            self._subject,
            self._key,
            (self._now - DAY, self._now + 365 * DAY),
            x509.BasicConstraints(ca=True, path_length=None),
        )

    @property
    def pem(self) -> str:
        return self._certificate.public_bytes(Encoding.PEM).decode()

    def leaf(
        self,
        *names: str,
        valid: tuple[datetime, datetime] | None = None,
        key: Key | None = None,
    ) -> Leaf:
        """A certificate for ``names``; ``valid`` is from a day ago for ninety days if not said."""
        private = key or ec.generate_private_key(ec.SECP256R1())
        certificate = self._signed(
            _name(names[0]),
            private,
            valid or (self._now - DAY, self._now + 90 * DAY),
            x509.SubjectAlternativeName([_alternative(name) for name in names]),
        )
        return Leaf(certificate.public_bytes(Encoding.PEM).decode(), key_pem(private))

    def revocation(self, *leaves: Leaf) -> str:
        """A list that revokes ``leaves``."""
        builder = x509.CertificateRevocationListBuilder().issuer_name(self._subject)
        builder = builder.last_update(self._now - DAY).next_update(self._now + 365 * DAY)
        for leaf in leaves:
            serial = x509.load_pem_x509_certificate(leaf.certificate.encode()).serial_number
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(serial)
                .revocation_date(self._now - DAY)
                .build()
            )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()

    def staple(self, leaf: Leaf) -> bytes:
        """An OCSP response that vouches for ``leaf``."""
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=x509.load_pem_x509_certificate(leaf.certificate.encode()),
            issuer=self._certificate,
            algorithm=hashes.SHA256(),
            cert_status=ocsp.OCSPCertStatus.GOOD,
            this_update=self._now,
            next_update=self._now + DAY,
            revocation_time=None,
            revocation_reason=None,
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.NAME, self._certificate)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.DER)

    def _signed(
        self,
        subject: x509.Name,
        key: Key,
        valid: tuple[datetime, datetime],
        extension: x509.ExtensionType,
    ) -> x509.Certificate:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(valid[0])
            .not_valid_after(valid[1])
            .add_extension(extension, critical=False)
            .sign(self._key, hashes.SHA256())
        )
