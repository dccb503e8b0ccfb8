"""WasmPlugins and TrafficExtensions that are for no proxy, whose order is left to chance, or whose
module cannot be had or trusted.

Source: Istio ``pilot/pkg/model/policyattachment.go``, ``push_context.go``
"""

from typing import Final

from controlplane.base.codes import (
    CANNOT_WORK,
    EXTENSIONS_TIED,
    MODULE_UNAVAILABLE,
    MODULE_UNVERIFIED,
    PULL_SECRET_UNUSABLE,
)
from controlplane.base.diagnostics import Diagnostics, Related, Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace, ObjectKey
from controlplane.graph import Graph, derived
from controlplane.kinds.istio.wasm_plugin import WasmPlugin
from controlplane.model.extension import ModuleSource
from controlplane.model.registry import image_name
from controlplane.queries.analysis.policy_overlap import PlacedPolicy, overlap
from controlplane.queries.analysis.policy_targets import check_targets
from controlplane.queries.analysis.selectors import check_selected
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.modules import fetched_module
from controlplane.queries.listeners.extension_configs import module_source
from controlplane.queries.policy.extensions import declared_extension, extensions_of_rank
from controlplane.queries.registry.pull_credentials import pull_credentials, pull_secret_of
from controlplane.queries.selection.gateways import is_for_gateways
from controlplane.translate.istio.extension import (
    Declared,
    extension,
    failure_policy,
    precedence,
    wasm_of,
)
from controlplane.translate.istio.policy_attachment import BySelector, attachment

_IMAGE: Final = "oci://"
_PLAINTEXT: Final = "http://"


@derived
def extension_diagnostics(graph: Graph, key: ObjectKey) -> Diagnostics:
    """Runs again when the extension, a workload that it selects, a Gateway or Secret that it refers
    to, or where another one of its phase and priority is attached changes.
    """
    declared = declared_extension(graph, key)
    if declared is None:
        return ()
    report = Report()
    root = Namespace(mesh_config(graph).root_namespace)
    found = attachment(declared.spec)
    labels = found.labels if isinstance(found, BySelector) else ()
    if labels and key.namespace != root and not is_for_gateways(graph, labels):
        at = FieldRef(key) / "spec" / "selector" / "matchLabels"
        check_selected(report, graph, at, labels)
    check_targets(report, graph, key, declared.spec.target_refs, declared.spec.target_ref)
    _check_source(report, graph, declared)
    _check_order(report, graph, declared)
    return tuple(report)


def _module_place(declared: Declared) -> FieldRef:
    at = FieldRef(declared.key) / "spec"
    return at if isinstance(declared.spec, WasmPlugin) else at / "wasm"


def _check_source(report: Report, graph: Graph, declared: Declared) -> None:
    source = module_source(graph, declared.key)
    if source is None:
        return
    at = _module_place(declared)
    if source.uri.startswith(_PLAINTEXT) and not source.checksum:
        message = (
            f"the module comes from {source.uri} over plaintext, and without sha256 any other one "
            "is taken for it"
        )
        report.add(MODULE_UNVERIFIED, at / "url", message, hint="write sha256, or use https://")
    if source.uri.startswith(_IMAGE) and image_name(source.uri.removeprefix(_IMAGE)) is None:
        named = source.uri.removeprefix(_IMAGE)
        message = f'"{named}" does not name an image, so it cannot be fetched'
        report.add(CANNOT_WORK, at / "url", message, hint=_image_hint(named))
    if source.secret is not None:
        _check_secret(report, graph, at / "imagePullSecret", source, source.secret)


def _image_hint(named: str) -> str:
    """What to write in place of ``named``, which names no image."""
    if named.startswith("/"):
        return "write file:// before the path of a file"
    if image_name(named.lower()) is not None:
        return f"names of images are in lower case: write {named.lower()}"
    if "@" in named:
        return "a digest is sha256: and 64 hexadecimal digits in lower case"
    return "write oci://REGISTRY/REPOSITORY:TAG"


def _check_secret(
    report: Report, graph: Graph, at: FieldRef, source: ModuleSource, secret: ObjectKey
) -> None:
    if pull_secret_of(graph, secret) is None:
        message = f"{secret.display_name} is not declared, so the image is not fetched"
        hint = f"declare it in namespace {secret.namespace}, or remove imagePullSecret"
        report.add(PULL_SECRET_UNUSABLE, at, message, hint=hint)
        return
    image = image_name(source.uri.partition("://")[2])
    if image is not None and pull_credentials(graph, source) is None:
        message = (
            f"{secret.display_name} has nothing for {image.registry}, so it is asked without "
            "credentials"
        )
        hint = f"add {image.registry} to auths under .dockerconfigjson"
        related = (Related(place=FieldRef(secret), message="the Secret"),)
        report.add(PULL_SECRET_UNUSABLE, at, message, hint=hint, related=related)


def _check_order(report: Report, graph: Graph, declared: Declared) -> None:
    """Report the first of the older ones that nothing but age puts before this one."""
    own = extension(declared)
    if own is None:
        return
    placed = PlacedPolicy(declared.namespace, attachment(declared.spec))
    rank = (declared.namespace, own.filter.phase, precedence(declared))
    for found in extensions_of_rank(graph, rank):
        if found.key == declared.key:
            return
        if overlap(graph, placed, PlacedPolicy(declared.namespace, found.attachment)):
            report.add(
                EXTENSIONS_TIED,
                FieldRef(declared.key) / "spec",
                f"{found.key.display_name} has the same phase and priority, so only age and name "
                "decide that it comes first",
                hint="give each a priority: the higher one comes first",
                related=(Related(place=FieldRef(found.key) / "spec", message="comes first"),),
            )
            return


@derived
def module_diagnostics(graph: Graph, key: ObjectKey) -> Diagnostics:
    """Runs again when the extension changes, or what is known of its module."""
    declared = declared_extension(graph, key)
    wasm = wasm_of(declared) if declared is not None else None
    source = module_source(graph, key)
    fetched = fetched_module(graph, source) if source is not None else None
    if declared is None or wasm is None or fetched is None or fetched.failure is None:
        return ()
    assert source is not None, "nothing else is fetched"
    failure = fetched.failure
    if fetched.module is not None:
        effect = "the module that was fetched before is used"
    elif failure_policy(wasm).passes:
        effect = "its calls pass without it"
    else:
        effect = "its calls are refused"
    again = f"at {failure.next_try:%Y-%m-%d %H:%M} UTC" if failure.next_try else "at once"
    report = Report()
    report.add(
        MODULE_UNAVAILABLE,
        _module_place(declared) / "url",
        f"no module is fetched from {source.uri} since {failure.since:%Y-%m-%d %H:%M} UTC: "
        f"{failure.reason}; {effect}",
        note=f"it is tried again {again}",
    )
    return tuple(report)
