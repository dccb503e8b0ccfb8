"""A file for each object that has a status, and what an earlier run kept of statuses."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controlplane.base.names import Namespace, ObjectKey
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY
from controlplane.kinds.gateway_api.gateway_class import GATEWAY_CLASS
from controlplane.sources.kept_statuses import KeptStatus, keep_statuses, kept_statuses
from controlplane.sources.state import StateDirectory
from controlplane.sources.status_files import StatusFiles, file_name

EDGE = ObjectKey(KUBERNETES_GATEWAY, Namespace("shop"), "edge")
OURS = ObjectKey(GATEWAY_CLASS, Namespace(""), "ours")


def files(folder: Path) -> StatusFiles:
    return StatusFiles(folder, (KUBERNETES_GATEWAY, GATEWAY_CLASS))


def content(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in sorted(folder.iterdir())}


def test_a_file_is_named_by_kind_namespace_and_name() -> None:
    assert [file_name(EDGE), file_name(OURS)] == [
        "gateway_shop_edge.yaml",
        "gatewayclass_ours.yaml",
    ]


def test_files_come_change_and_go_with_their_objects(tmp_path: Path) -> None:
    written = files(tmp_path / "status")

    written.write({EDGE: "one\n", OURS: "two\n"})
    written.write({EDGE: "three\n"})
    assert content(tmp_path / "status") == {
        "gateway_shop_edge.yaml": "three\n",
        "gatewayclass_ours.yaml": "two\n",
    }
    written.write({EDGE: None})

    assert content(tmp_path / "status") == {"gatewayclass_ours.yaml": "two\n"}


def test_what_an_earlier_run_left_is_removed_and_files_of_others_stay(tmp_path: Path) -> None:
    for name in ("gateway_shop_gone.yaml", "notes.yaml", "pod_shop_web.yaml"):
        (tmp_path / name).write_text("old\n")

    files(tmp_path).write({EDGE: "new\n"})

    assert sorted(content(tmp_path)) == [
        "gateway_shop_edge.yaml",
        "notes.yaml",
        "pod_shop_web.yaml",
    ]


def test_a_file_that_others_delete_is_written_again(tmp_path: Path) -> None:
    written = files(tmp_path)
    written.write({EDGE: "one\n"})
    (tmp_path / "gateway_shop_edge.yaml").unlink()

    written.write({OURS: "two\n"})

    assert content(tmp_path)["gateway_shop_edge.yaml"] == "one\n"


def test_a_folder_that_cannot_be_written_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    written = files(tmp_path / "file")

    written.write({EDGE: "one\n"})
    (tmp_path / "file").unlink()
    written.write({})

    assert content(tmp_path / "file") == {"gateway_shop_edge.yaml": "one\n"}


def test_an_object_with_the_longest_name_has_a_file_beside_others(tmp_path: Path) -> None:
    namespace, name = Namespace("n" * 63), "a" * 252
    texts = {ObjectKey(KUBERNETES_GATEWAY, namespace, name + end): end for end in ("b", "c")}

    files(tmp_path).write(texts | {EDGE: "edge"})

    assert sorted(content(tmp_path).values()) == ["b", "c", "edge"]


def test_a_folder_in_the_place_of_one_file_costs_that_one(tmp_path: Path) -> None:
    (tmp_path / "gateway_shop_edge.yaml").mkdir()
    written = files(tmp_path)

    written.write({EDGE: "one\n", OURS: "two\n"})

    assert written.must_try_again
    assert (tmp_path / "gatewayclass_ours.yaml").read_text() == "two\n"
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "gateway_shop_edge.yaml",
        "gatewayclass_ours.yaml",
    ]
    (tmp_path / "gateway_shop_edge.yaml").rmdir()
    written.write({})
    assert not written.must_try_again
    assert content(tmp_path)["gateway_shop_edge.yaml"] == "one\n"


def test_a_link_in_the_place_of_a_draft_is_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("theirs\n")
    status = tmp_path / "status"
    status.mkdir()
    (status / ".gateway_shop_edge.yaml.new").symlink_to(other)

    files(status).write({EDGE: "one\n"})

    assert other.read_text() == "theirs\n"
    assert content(status) == {"gateway_shop_edge.yaml": "one\n"}


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    state = StateDirectory.opened(tmp_path / "state")
    kept = KeptStatus(
        group="gateway.networking.k8s.io",
        kind="Gateway",
        namespace="shop",
        name="edge",
        generation=3,
        spec="abc",
        transitions={"Accepted": ("True", datetime(2026, 6, 1, tzinfo=UTC))},
    )

    keep_statuses(state, (kept,))

    assert kept_statuses(state) == (kept,)
    assert kept.key == EDGE


def entry(generation: str = "1", since: str = "2026-06-01T00:00:00Z") -> str:
    """What a file of kept statuses may say of one object."""
    return (
        '[{"group":"g","kind":"Gateway","namespace":"a","name":"b","spec":"c",'
        f'"generation":{generation},"transitions":{{"Accepted":["True","{since}"]}}}}]'
    )


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "[{}]",
        "\x00",
        entry()[:-9],
        entry(generation="-1"),
        entry(generation="9" * 400),
        entry(since="2026-06-01T00:00:00"),
        entry(since="0001-01-01T00:00:00+23:59"),
        entry(since="9999-12-31T23:59:59-23:59"),
    ],
)
def test_what_cannot_be_read_is_as_nothing(tmp_path: Path, content: str) -> None:
    state = StateDirectory.opened(tmp_path / "state")
    assert kept_statuses(state) == ()
    (state.path / "statuses.json").write_text(content)

    assert kept_statuses(state) == ()


def test_a_pipe_that_nobody_writes_to_is_not_waited_for(tmp_path: Path) -> None:
    state = StateDirectory.opened(tmp_path / "state")
    os.mkfifo(state.path / "statuses.json")

    assert kept_statuses(state) == ()
