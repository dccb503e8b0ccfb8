"""``controlplane migrate``: files in, files out, and what it says of them."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from controlplane.cli.main import main
from tests.support.migrated import GATEWAY, SERVICES, virtual_service

TO_SHOP = "[{route: [{destination: {host: shop}}]}]"


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    folder = tmp_path / "mesh"
    (folder / "net").mkdir(parents=True)
    (folder / "net" / "gateway.yaml").write_text(f"# Where requests enter.{GATEWAY}")
    (folder / "services.yaml").write_text(SERVICES)
    (folder / "shop.yaml").write_text(virtual_service(TO_SHOP))
    return folder


def migrate(*arguments: str | Path, text: str | None = None) -> Result:
    return CliRunner().invoke(
        main, ["migrate", *map(str, arguments), "--to", "gateway-api"], input=text
    )


def test_files_are_written_where_they_were(mesh: Path, tmp_path: Path) -> None:
    result = migrate(mesh, "-o", tmp_path / "new")

    assert result.exit_code == 0, result.output
    assert (tmp_path / "new/services.yaml").read_text() == SERVICES
    written = (tmp_path / "new/net/gateway.yaml").read_text()
    assert written.startswith("apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n")
    assert "kind: HTTPRoute" in (tmp_path / "new/shop.yaml").read_text()
    assert result.stdout == ""


def test_what_became_of_each_object_is_said_with_its_place(mesh: Path) -> None:
    result = migrate(mesh)

    assert result.stderr == (
        f"{mesh}/net/gateway.yaml:2: Gateway istio-system/shop becomes Gateway istio-system/shop\n"
        f"{mesh}/shop.yaml:2: VirtualService default/shop becomes HTTPRoute default/shop\n"
        "2 objects migrated, 0 stay as they are\n"
        "20 requests compared: answered as before\n"
    )


def test_standard_output_is_one_stream(mesh: Path) -> None:
    stream = migrate(mesh).stdout

    assert [line for line in stream.splitlines() if line.startswith(("# Source", "kind: "))] == [
        f"# Source: {mesh}/net/gateway.yaml",
        "kind: Gateway",
        f"# Source: {mesh}/services.yaml",
        *("kind: Service",) * 4,
        "kind: ServiceEntry",
        f"# Source: {mesh}/shop.yaml",
        "kind: HTTPRoute",
    ]


def test_what_comes_out_may_be_checked(mesh: Path) -> None:
    stream = migrate(mesh).stdout

    checked = CliRunner().invoke(main, ["check", "-"], input=stream)

    assert " error " not in checked.stdout


def test_standard_input_is_migrated(mesh: Path, tmp_path: Path) -> None:
    text = f"{GATEWAY}---{virtual_service(TO_SHOP)}---{SERVICES}"

    result = migrate("-", "-o", tmp_path / "new", text=text)

    assert result.exit_code == 0
    assert "kind: HTTPRoute" in (tmp_path / "new/stdin.yaml").read_text()


def test_with_strict_an_object_that_stays_is_an_error(mesh: Path) -> None:
    (mesh / "shop.yaml").write_text(virtual_service("[{directResponse: {status: 200}}]"))

    assert migrate(mesh).exit_code == 0
    assert migrate(mesh, "--strict").exit_code == 1


def test_an_object_that_is_refused_is_an_error(mesh: Path) -> None:
    (mesh / "shop.yaml").write_text(virtual_service("[{}]"))

    result = migrate(mesh)

    assert result.exit_code == 1
    assert 'VirtualService default/shop is refused and stays; "controlplane check" says why' in (
        result.stderr
    )


def test_a_folder_with_files_is_not_written_to(mesh: Path) -> None:
    result = migrate(mesh, "-o", mesh)

    assert result.exit_code == 2
    assert "is not empty" in result.stderr


def test_a_service_is_named_with_its_namespace(mesh: Path) -> None:
    result = migrate(mesh, "--service", "ingressgateway")

    assert result.exit_code == 2
    assert '"ingressgateway" is not NAMESPACE/NAME' in result.stderr


def test_a_list_and_json_become_documents_of_yaml(tmp_path: Path) -> None:
    folder = tmp_path / "mesh"
    folder.mkdir()
    items = [
        each for text in (GATEWAY, virtual_service(TO_SHOP)) for each in yaml.safe_load_all(text)
    ]
    (folder / "all.json").write_text(
        json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    )
    (folder / "services.yaml").write_text(SERVICES)
    kept = b'{"apiVersion": "v1",\t"kind": "Namespace", "metadata": {"name": "x"}}'
    (folder / "kept.json").write_bytes(kept)

    result = migrate(folder, "-o", tmp_path / "new")

    assert "2 objects migrated, 0 stay" in result.stderr
    written = list(yaml.safe_load_all((tmp_path / "new/all.yaml").read_text()))
    assert [each["kind"] for each in written] == ["Gateway", "HTTPRoute"]
    assert (tmp_path / "new/kept.json").read_bytes() == kept
