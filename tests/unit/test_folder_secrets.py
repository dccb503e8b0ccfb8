"""A Secret of files is accepted only when its parts fit, and reported at the file in question."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from controlplane.base.names import Namespace, ObjectKey
from controlplane.documents.content import SecretFolder, Unreadable
from controlplane.engine.engine import Engine
from controlplane.kinds.core.configuration import SECRET
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.translate.kubernetes.secret_replacement import secret_files
from tests.support.pki import DAY, Authority, Leaf

NOW = datetime(2026, 6, 1, tzinfo=UTC)
FOLDER = Path("secrets/istio-system/shop")
SHOP = ObjectKey(SECRET, Namespace("istio-system"), "shop")
ROOT = Authority(now=NOW)
OLD, NEW = ROOT.leaf("a.com"), ROOT.leaf("a.com")
EXPIRED = ROOT.leaf("a.com", valid=(NOW - 9 * DAY, NOW - DAY))


def folder(**files: str | Unreadable) -> SecretFolder:
    return SecretFolder(
        tuple(
            (name.replace("_", "."), text.encode() if isinstance(text, str) else text)
            for name, text in files.items()
        )
    )


def pair(leaf: Leaf, **more: str) -> SecretFolder:
    return folder(tls_crt=leaf.certificate, tls_key=leaf.key, **more)


def served(engine: Engine) -> dict[str, str]:
    """The entries in force."""
    secret = engine.object(SHOP)
    assert secret is not None
    return {name: text.decode() for name, text in secret_files(secret.spec).items()}


def reported(engine: Engine) -> list[str]:
    shown = []
    for diagnostic in engine.diagnostics():
        location = engine.location(diagnostic.place)
        assert location is not None
        shown.append(f"{location.path}:{location.line} {diagnostic.code}")
    return shown


@pytest.fixture
def engine() -> Engine:
    engine = Engine(MeshConfig(), now=NOW)
    engine.apply([(FOLDER, pair(OLD, ca_crt=ROOT.pem))])
    return engine


@pytest.mark.parametrize(
    ("between", "fault"),
    [
        (folder(tls_crt=NEW.certificate, tls_key=OLD.key), f"{FOLDER}/tls.key:1 CP0404"),
        (folder(tls_crt=OLD.certificate, tls_key=NEW.key), f"{FOLDER}/tls.key:1 CP0404"),
        (folder(tls_key=NEW.key), f"{FOLDER}:0 CP0402"),
        (folder(ca_crt=ROOT.pem), f"{FOLDER}:0 CP0402"),
        (folder(tls_crt="-----BEGIN", tls_key=NEW.key), f"{FOLDER}/tls.crt:1 CP0403"),
        (folder(tls_crt=EXPIRED.certificate, tls_key=EXPIRED.key), f"{FOLDER}/tls.crt:1 CP0405"),
        (pair(NEW, ca_crt="-----BEGIN"), f"{FOLDER}/ca.crt:1 CP0403"),
        (folder(tls_crt=Unreadable("Permission denied")), f"{FOLDER}/tls.crt:0 CP0110"),
    ],
    ids=[
        "the certificate came first",
        "the key came first",
        "the certificate is away",
        "both are away and the authority is left",
        "the certificate is half written",
        "the new one has expired",
        "the authority is half written",
        "a file cannot be read",
    ],
)
def test_the_last_good_pair_stays_until_the_new_one_fits(
    engine: Engine, between: SecretFolder, fault: str
) -> None:
    engine.apply([(FOLDER, between)])

    assert served(engine)["tls.key"] == OLD.key
    assert served(engine)["tls.crt"] == OLD.certificate
    assert reported(engine) == [fault]

    engine.apply([(FOLDER, pair(NEW))])

    assert served(engine) == {"tls.crt": NEW.certificate, "tls.key": NEW.key}
    assert reported(engine) == []


def test_authorities_may_be_left_out(engine: Engine) -> None:
    engine.apply([(FOLDER, pair(OLD))])

    assert sorted(served(engine)) == ["tls.crt", "tls.key"]


def test_a_folder_that_is_gone_is_no_secret(engine: Engine) -> None:
    engine.apply([(FOLDER, None)])

    assert engine.object(SHOP) is None


def test_a_certificate_is_taken_once_its_time_has_come(engine: Engine) -> None:
    early = ROOT.leaf("a.com", valid=(NOW + DAY, NOW + 9 * DAY))
    engine.apply([(FOLDER, pair(early))])
    assert served(engine)["tls.crt"] == OLD.certificate
    assert reported(engine) == [f"{FOLDER}/tls.crt:1 CP0406"]

    engine.set_clock(NOW + DAY)

    assert served(engine)["tls.crt"] == early.certificate
    assert reported(engine) == []
