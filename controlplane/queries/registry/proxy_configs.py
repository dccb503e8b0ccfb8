"""Which ProxyConfig a proxy has: by MeshConfig, objects ProxyConfig, the annotation of its workload
and its own node.

Source: Istio ``pilot/pkg/model/proxy_config.go`` (``EffectiveProxyConfig``), ``pkg/model/proxy.go``
(``ProxyConfigOrDefault``)
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace, ObjectKey
from controlplane.graph import Graph, derived
from controlplane.kinds.core.pod import POD
from controlplane.kinds.core.workload_template import DAEMON_SET, DEPLOYMENT, STATEFUL_SET
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY
from controlplane.kinds.istio.mesh_config import MESH_CONFIG_KEY, ProxyConfig
from controlplane.kinds.istio.proxy_config import METADATA_VARIABLES
from controlplane.kinds.istio.proxy_settings import PROXY_CONFIG, ProxySettings
from controlplane.kinds.istio.workload_entry import WORKLOAD_ENTRY
from controlplane.kinds.object import Object
from controlplane.kinds.proxy_config import proxy_config_of
from controlplane.model.gateway_proxy import GATEWAY_NAME
from controlplane.model.proxy import NODE_CONFIG, Labels, Proxy, labels_of
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import index, object_of
from controlplane.queries.registry.templates import Template, TemplateKey
from controlplane.translate.istio.proxy_config import (
    annotation_of,
    annotations_of,
    merged,
    settings,
)
from controlplane.translate.workload import template_labels

ProxyConfigKey = ObjectKey[ProxySettings]
WHOLE_MESH: Final = "mesh"
_Age = tuple[str, str, Namespace]


@index(PROXY_CONFIG)
def configs_of_namespace(
    declared: Object[ProxySettings],
) -> Iterator[tuple[Namespace, tuple[_Age, ProxyConfigKey]]]:
    """Oldest first."""
    yield declared.namespace, (declared.age, declared.key)


@index(DEPLOYMENT, STATEFUL_SET, DAEMON_SET)
def annotated_templates(declared: Template) -> Iterator[tuple[Namespace, TemplateKey]]:
    """What makes Pods with annotations about their proxies."""
    if annotations_of(declared)[1]:
        yield declared.namespace, declared.key


@index(POD, WORKLOAD_ENTRY, DEPLOYMENT, STATEFUL_SET, DAEMON_SET)
def annotated_topologies(
    declared: Object[Any],
) -> Iterator[tuple[str, tuple[ObjectKey, bool, bool]]]:
    """The workloads of the mesh whose annotation says that another proxy is in front: whether it
    says so in a header, or by the PROXY protocol.

    Any: each kind has its own struct.
    """
    found = annotation_of(declared)
    topology = proxy_config_of(found[1]).gateway_topology if found is not None else None
    if topology is not None:
        has_protocol = topology.proxy_protocol is not None
        if topology.num_trusted_proxies > 0 or has_protocol:
            yield WHOLE_MESH, (declared.key, topology.num_trusted_proxies > 0, has_protocol)


@derived
def mesh_proxy_config(graph: Graph) -> ProxyConfig:
    """The mesh's ``defaultConfig``; other changes of MeshConfig stop here."""
    return mesh_config(graph).default_config


@derived
def mesh_root(graph: Graph) -> Namespace:
    return Namespace(mesh_config(graph).root_namespace)


def governing_configs(
    graph: Graph, namespace: Namespace, labels: Labels
) -> tuple[tuple[ProxyConfigKey, ...], ProxyConfigKey | None]:
    """The objects for a workload: those of the root namespace and its own without a selector, the
    widest first, and the one that selects it. Of several the oldest is used alone.
    """
    root = mesh_root(graph)
    general = (_general(graph, of) for of in dict.fromkeys((root, namespace)))
    return tuple(key for key in general if key is not None), _selecting(graph, namespace, labels)


def _general(graph: Graph, namespace: Namespace) -> ProxyConfigKey | None:
    for _, key in configs_of_namespace(graph, namespace):
        declared = object_of(graph, key)
        if declared is not None and declared.spec.selector is None:
            return key
    return None


def _selecting(graph: Graph, namespace: Namespace, labels: Labels) -> ProxyConfigKey | None:
    for _, key in configs_of_namespace(graph, namespace):
        declared = object_of(graph, key)
        selector = declared.spec.selector if declared is not None else None
        wanted = selector.match_labels.items() if selector is not None else ()
        if wanted and set(wanted) <= set(labels):
            return key
    return None


def proxy_config(
    graph: Graph, namespace: Namespace, labels: Labels, annotation: str | None
) -> ProxyConfig:
    """What holds for a workload: a selecting object wins over the annotation, that one over the
    objects of its namespace, of the root namespace, and MeshConfig.
    """
    general, selecting = governing_configs(graph, namespace, labels)
    found = mesh_proxy_config(graph)
    for key in general:
        found = merged(found, config_of_object(graph, key))
    if annotation is not None:
        found = merged(found, proxy_config_of(annotation))
    return found if selecting is None else merged(found, config_of_object(graph, selecting))


def config_of_object(graph: Graph, key: ProxyConfigKey) -> ProxyConfig:
    """What one object says."""
    declared = object_of(graph, key)
    if declared is None:
        return ProxyConfig()
    spec = declared.spec
    return ProxyConfig(concurrency=spec.concurrency, proxy_metadata=spec.environment_variables)


def annotation_for(
    graph: Graph, proxy: Proxy, workload: Object[Any] | None
) -> tuple[FieldRef, str] | None:
    """The annotation with the ProxyConfig of a proxy's workload, and where it is.

    Any: each kind of workload has its own struct.
    """
    declared = annotated(graph, proxy, workload)
    return annotation_of(declared) if declared is not None else None


def annotated(graph: Graph, proxy: Proxy, workload: Object[Any] | None) -> Object[Any] | None:
    """What has the annotations about a proxy: its ``workload``, as declared at its address, else
    the Gateway that it is for, else what makes Pods with its labels.

    Any: each kind of workload has its own struct.
    """
    if workload is not None:
        return workload
    name = dict(proxy.labels).get(GATEWAY_NAME)
    if name is not None:
        gateway = object_of(graph, ObjectKey(KUBERNETES_GATEWAY, proxy.namespace, name))
        if gateway is not None:
            return gateway
    said = set(proxy.labels)
    found: list[tuple[int, str, TemplateKey]] = []
    for key in annotated_templates(graph, proxy.namespace):
        template = object_of(graph, key)
        labels = set(template_labels(template)) if template is not None else set()
        if labels and said and (labels <= said or said <= labels):
            found.append((-len(labels & said), key.name, key))
    return object_of(graph, min(found)[-1]) if found else None


def proxy_settings(graph: Graph, proxy: Proxy, labels: Labels, annotation: str | None) -> Labels:
    """The metadata of a proxy: what its node says, else the variables of its ProxyConfig; and what
    it is sent otherwise than others, by that ProxyConfig. A node that says its ProxyConfig has no
    other.
    """
    node: Mapping[str, str] = dict(proxy.metadata)
    base = mesh_proxy_config(graph)
    if NODE_CONFIG in node:
        own = proxy_config_of(node[NODE_CONFIG])
    else:
        own = proxy_config(graph, proxy.namespace, labels, annotation)
    variables = {
        METADATA_VARIABLES[name]: value
        for name, value in own.proxy_metadata.items()
        if name in METADATA_VARIABLES
    }
    said = {name: value for name, value in node.items() if name != NODE_CONFIG}
    return labels_of(variables | said | dict(settings(base, own, proxy.role)))


def variable_origin(
    graph: Graph, proxy: Proxy, labels: Labels, annotation: tuple[FieldRef, str] | None, name: str
) -> FieldRef | None:
    """The field from which a proxy has the metadata ``name``, at the level that decides; ``None``
    where its node says it, or nothing does.
    """
    if any(name == said for said, _ in proxy.metadata):
        return None
    variable = next(each for each, of in METADATA_VARIABLES.items() if of == name)
    general, selecting = governing_configs(graph, proxy.namespace, labels)
    if selecting is not None and variable in config_of_object(graph, selecting).proxy_metadata:
        return FieldRef(selecting, ("spec", "environmentVariables", variable))
    if annotation is not None and variable in proxy_config_of(annotation[1]).proxy_metadata:
        return annotation[0] / "proxyMetadata" / variable
    for key in reversed(general):
        if variable in config_of_object(graph, key).proxy_metadata:
            return FieldRef(key, ("spec", "environmentVariables", variable))
    if variable in mesh_proxy_config(graph).proxy_metadata:
        return FieldRef(MESH_CONFIG_KEY, ("defaultConfig", "proxyMetadata", variable))
    return None
