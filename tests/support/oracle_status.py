"""The status that we give the objects of a recorded case, in the form of the recordings.

It is what ``controlplane get`` shows without proxies: conditions as ``STATUS REASON`` by type.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from controlplane.documents.content import file_objects
from controlplane.queries.analysis.object_status import WITH_STATUS
from controlplane.serve.status_value import status_value
from tests.support.oracle_cases import OracleCase, oracle_cases

Status = Mapping[str, Any]
"""By ``KIND NAMESPACE/NAME``: conditions, those of listeners, and those of parents."""
Json = Mapping[str, Any]
_REPOSITORY: Final = Path(__file__).parents[2]


def folder_of_recordings() -> Path | None:
    """Beside the repository, or beside the folder that it is in."""
    beside = (_REPOSITORY.parent, _REPOSITORY.parents[1])
    return next((found for each in beside if (found := each / "shared" / "oracle").exists()), None)


def cases() -> Iterator[OracleCase]:
    """The recorded cases of the Gateway API; none where there are no recordings."""
    folder = folder_of_recordings()
    if folder is not None:
        yield from oracle_cases(folder, ("gateway-api/",))


def recorded(folder: Path, case: OracleCase) -> Status:
    """What istiod said."""
    answers = yaml.safe_load((folder / case.name / "answers.yaml").read_text(encoding="utf-8"))
    status: Status = answers.get("status", {})
    return {name: said for name, said in status.items() if said}


def ours(case: OracleCase) -> Status:
    """What we say of the same objects; GatewayClasses, of which nothing is recorded, are left
    out.
    """
    engine, found = case.engine(), dict[str, Any]()
    for raw in file_objects(Path("config.yaml"), case.config).objects:
        key = raw.key
        status = engine.status(key) if key.kind in WITH_STATUS and key.namespace else None
        said = _said(status_value(status)) if status is not None else {}
        if said:
            found[f"{key.kind.name} {key.namespace}/{key.name}"] = said
    return found


def _said(status: Json) -> dict[str, Any]:
    said = _conditions(status.get("conditions", ()))
    if status.get("attachedListenerSets"):
        said["attachedListenerSets"] = status["attachedListenerSets"]
    if status.get("listeners"):
        said["listeners"] = {each["name"]: _listener(each) for each in status["listeners"]}
    parents = {
        **{_name(each["parentRef"]): each for each in status.get("parents", ())},
        **{_ancestor(each["ancestorRef"]): each for each in status.get("ancestors", ())},
    }
    if parents:
        said["parents"] = {name: _conditions(p["conditions"]) for name, p in parents.items()}
    return said


def _listener(listener: Json) -> dict[str, Any]:
    return {
        **_conditions(listener["conditions"]),
        "attachedRoutes": listener["attachedRoutes"],
        "supportedKinds": [each["kind"] for each in listener["supportedKinds"]],
    }


def _ancestor(ref: Json) -> str:
    """The recordings leave out the namespace, which is the policy's."""
    return _name({name: value for name, value in ref.items() if name != "namespace"})


def _name(ref: Json) -> str:
    """A parentRef as recordings have it: as it is written."""
    name = f"{ref['namespace']}/{ref['name']}" if "namespace" in ref else ref["name"]
    section = f" {ref['sectionName']}" if "sectionName" in ref else ""
    port = f":{ref['port']}" if "port" in ref else ""
    return f"{ref['kind']} {name}{section}{port}"


def _conditions(conditions: Iterable[Json]) -> dict[str, Any]:
    return {each["type"]: f"{each['status']} {each['reason']}" for each in conditions}


def differences(want: Any, got: Any, at: str = "") -> list[str]:
    """Where two values differ, each with both."""
    if isinstance(want, dict) and isinstance(got, dict):
        names = sorted({*want, *got})
        return [d for n in names for d in differences(want.get(n), got.get(n), f"{at}/{n}")]
    return [] if want == got else [f"{at}: istiod {want!r}, ours {got!r}"]
