"""``serve`` and ``status`` over one control plane: what is wrong, and what is fixed."""

from pathlib import Path

from click.testing import CliRunner, Result

from controlplane.cli.main import main
from tests.support.changing_mesh import gateway, route, rule
from tests.support.mesh import ControlPlane
from tests.unit.test_whole_changes import service

FIXED = 'event=fixed code=CP0302 of="VirtualService default/rev" message='


def status(plane: ControlPlane, *options: str) -> Result:
    admin = f"127.0.0.1:{plane.admin_port}"
    return CliRunner().invoke(main, ["status", "--admin", admin, *options])


def test_an_error_in_force_fails_status_until_it_is_fixed_which_is_logged(tmp_path: Path) -> None:
    plane = ControlPlane(tmp_path)
    mesh = plane.config / "mesh.yaml"
    before = f"{gateway()}---{service()}---{rule('blue')}---"
    mesh.write_text(before + route("green"))

    with plane.running() as child:
        child.eventually(
            "the error is found", lambda: "code=CP0302" in plane.log.read_text(), within=10
        )
        wrong, tolerated = status(plane), status(plane, "--exit-zero")
        counted = str(plane.admin("/metrics").body)
        left_out = status(plane, "--ignore", "CP0302")
        mesh.write_text(before + route("blue"))
        child.eventually("it is fixed", lambda: FIXED in plane.log.read_text(), within=10)
        good = status(plane)
        mesh.write_text(
            before
            + route("green").replace(
                "metadata: {", 'metadata: {annotations: {controlplane/ignore: "CP0302"}, '
            )
        )
        child.eventually(
            "the edit is in force", lambda: plane.log.read_text().count("reloaded") == 2, within=10
        )
        ignored = status(plane)

    assert (wrong.exit_code, tolerated.exit_code, good.exit_code) == (1, 0, 0)
    assert "   requests to rev.example get 503\n" in wrong.output
    assert 'controlplane_diagnostics{code="CP0302",severity="error"} 1.0' in counted
    assert tolerated.output == wrong.output
    assert (left_out.exit_code, "CP0302" in left_out.output) == (0, False)
    assert "CP0302" not in good.output
    assert (ignored.exit_code, "CP0302" in ignored.output) == (0, False)
