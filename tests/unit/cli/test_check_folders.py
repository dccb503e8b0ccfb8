"""Folders as people have them: dumps, charts, files of other tools."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from controlplane.cli.main import main


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "mesh"
    folder.mkdir()
    return folder


def check(*args: str) -> Result:
    return CliRunner().invoke(main, ["check", *args])


def test_what_is_not_for_a_mesh_is_one_line_and_no_error(here: Path) -> None:
    (here / "a.yaml").write_text("apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\n")
    (here / "Chart.yaml").write_text("apiVersion: v2\nname: shop\n")

    result = check("mesh")

    assert result.exit_code == 0
    assert result.output == (
        "1 object is of a kind that no mesh reads: Job 1; "
        "1 file holds no objects: Chart.yaml\n"
        "0 errors, 0 warnings in 1 object\n"
    )


DUMP = """\
apiVersion: v1
kind: List
metadata:
  resourceVersion: ''
items:
- apiVersion: v1
  kind: Pod
  metadata:
    annotations:
      kubectl.kubernetes.io/last-applied-configuration: '{}'
    creationTimestamp: '2026-01-01T00:00:00Z'
    generateName: web-
    labels:
      app: web
      pod-template-hash: abc
    managedFields:
    - apiVersion: v1
      fieldsType: FieldsV1
      fieldsV1:
        f:metadata: {}
      manager: kubectl
      operation: Update
      time: '2026-01-01T00:00:00Z'
    name: web-abc
    namespace: default
    ownerReferences:
    - apiVersion: apps/v1
      blockOwnerDeletion: true
      controller: true
      kind: ReplicaSet
      name: web
      uid: x
    resourceVersion: '12'
    uid: abc
  spec:
    containers:
    - image: web
      name: web
      ports:
      - containerPort: 80
        name: http
        protocol: TCP
      resources: {}
      terminationMessagePath: /dev/termination-log
    dnsPolicy: ClusterFirst
    nodeName: node1
    restartPolicy: Always
    tolerations: []
  status:
    conditions:
    - lastProbeTime: null
      status: 'True'
      type: Ready
    phase: Running
    podIP: 10.0.0.1
    podIPs:
    - ip: 10.0.0.1
- apiVersion: v1
  kind: Service
  metadata:
    name: web
    namespace: default
    resourceVersion: '3'
    uid: yy
    creationTimestamp: '2026-01-01T00:00:00Z'
    annotations:
      kubectl.kubernetes.io/last-applied-configuration: '{"a":1}

        '
  spec:
    clusterIP: 10.1.1.1
    clusterIPs:
    - 10.1.1.1
    internalTrafficPolicy: Cluster
    ipFamilies:
    - IPv4
    ipFamilyPolicy: SingleStack
    ports:
    - name: http
      port: 80
      protocol: TCP
      targetPort: 80
    selector:
      app: web
    sessionAffinity: None
    type: ClusterIP
  status:
    loadBalancer: {}
- apiVersion: apps/v1
  kind: Deployment
  metadata:
    name: web
    namespace: default
    generation: 1
    annotations:
      deployment.kubernetes.io/revision: '1'
  spec:
    progressDeadlineSeconds: 600
    replicas: 1
    revisionHistoryLimit: 10
    selector:
      matchLabels:
        app: web
    strategy:
      type: RollingUpdate
      rollingUpdate:
        maxSurge: 25%
    template:
      metadata:
        creationTimestamp: null
        labels:
          app: web
      spec:
        containers: []
  status:
    availableReplicas: 1
- apiVersion: apps/v1
  kind: ReplicaSet
  metadata:
    name: web
    namespace: default
  spec: {}
- apiVersion: networking.istio.io/v1
  kind: Gateway
  metadata:
    name: gw
    namespace: default
    generation: 2
    resourceVersion: '5'
    uid: z
    managedFields: []
  spec:
    selector:
      istio: ingressgateway
    servers:
    - hosts:
      - '*'
      port:
        name: http
        number: 80
        protocol: HTTP
  status:
    conditions: []
    observedGeneration: '2'
- apiVersion: networking.istio.io/v1
  kind: VirtualService
  metadata:
    name: web
    namespace: default
    selfLink: ''
    annotations:
      kubectl.kubernetes.io/last-applied-configuration: x
  spec:
    hosts:
    - '*'
    gateways:
    - gw
    http:
    - route:
      - destination:
          host: web
"""


def test_a_dump_of_a_cluster_is_read_without_a_word(here: Path) -> None:
    (here / "dump.yaml").write_text(DUMP)

    result = check("mesh")

    assert result.exit_code == 0
    assert result.output == (
        "1 object is of a kind that no mesh reads: ReplicaSet 1\n"
        "0 errors, 0 warnings in 6 objects\n"
    )


def test_a_chart_of_helm_is_one_line(here: Path) -> None:
    (here / "templates").mkdir()
    (here / "Chart.yaml").write_text("apiVersion: v2\nname: shop\n")
    (here / "values.yaml").write_text("kind: Deployment\nreplicas: 1\n")
    (here / "values.schema.json").write_text('{"type": "object"}')
    (here / "templates" / "gateway.yaml").write_text(
        "{{- if .Values.on }}\nkind: Gateway\n{{- end }}\n"
    )

    result = check("mesh")

    assert result.exit_code == 0
    assert result.output == (
        "3 files hold no objects: Chart.yaml, values.schema.json, values.yaml; "
        '1 file is a Helm template, serve what "helm template" prints: gateway.yaml\n'
        "0 errors, 0 warnings in 0 objects\n"
    )


def test_what_no_mesh_reads_may_be_declared_twice(here: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (here / name).write_text("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a}\n")

    assert check("mesh").exit_code == 0


def test_what_is_said_again_is_said_once_with_its_places(here: Path) -> None:
    rule = "  - {route: [{destination: {host: gone}}]}\n"
    (here / "a.yaml").write_text(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\n"
        "spec:\n  hosts: [a.example]\n  http:\n"
        "  - {match: [{uri: {prefix: /a}}], route: [{destination: {host: gone}}]}\n" + rule
    )

    lines = check("mesh").output.splitlines()

    assert [line for line in lines if "CP0301" in line] == [
        'mesh/a.yaml:7:65: error CP0301: host "gone" (gone.default.svc.cluster.local) is declared '
        "by no Service and no ServiceEntry"
    ]
    assert "   and 1 more, at mesh/a.yaml:8:35" in lines


REFUSED = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw}
spec: {selector: {app: gw}, servers: [], foo: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{name: http, prt: 80}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web}
spec:
  hosts: ["*"]
  gateways: [gw]
  http:
  - {match: [{uri: {prefix: /a}}], route: [{destination: {host: web}}]}
  - {route: [{destination: {host: web}}]}
"""


def test_what_refers_to_a_refused_object_says_so_once(here: Path) -> None:
    (here / "a.yaml").write_text(REFUSED)

    lines = check("mesh").output.splitlines()

    start = next(i for i, line in enumerate(lines) if "CP0304" in line)
    assert lines[start:] == [
        "mesh/a.yaml:16:14: error CP0304: this leads nowhere because Gateway default/gw is refused",
        "   16 |   gateways: [gw]",
        "      |              ^^",
        "   see: mesh/a.yaml:1:1: it is refused here",
        "mesh/a.yaml:18:65: error CP0301: this leads nowhere because Service default/web is "
        "refused",
        "   18 |   - {match: [{uri: {prefix: /a}}], route: [{destination: {host: web}}]}",
        "      |                                                                 ^^^",
        "   see: mesh/a.yaml:6:1: it is refused here",
        "   and 1 more, at mesh/a.yaml:19:35",
        "5 errors, 0 warnings in 3 objects (2 refused)",
    ]


def test_a_host_of_a_refused_service_entry_is_not_to_be_declared_again(here: Path) -> None:
    (here / "a.yaml").write_text(
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: partner}\n"
        "spec: {hosts: [api.partner.example], resolutoin: DNS}\n---\n"
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: web}\n"
        "spec:\n  hosts: [a.example]\n"
        "  http: [{route: [{destination: {host: api.partner.example}}]}]\n"
    )

    output = check("mesh").output

    assert (
        "error CP0301: this leads nowhere because ServiceEntry default/partner is refused" in output
    )
    assert "add a ServiceEntry" not in output
