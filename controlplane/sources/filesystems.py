"""Which file systems tell of every change: local ones do, remote ones do not."""

import os
from collections.abc import Iterable, Set
from pathlib import Path
from typing import Final

_MOUNTS: Final = Path("/proc/self/mountinfo")
_REMOTE: Final = (
    *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "afs", "9p", "gfs2", "ocfs2", "lustre"),
    *(
        "fuse",
        "virtiofs",
        "vboxsf",
        "prl_fs",
        "vmhgfs",
        "fakeowner",
        "grpcfuse",
        "drvfs",
        "glusterfs",
    ),
)
"""Other machines may write to them without this kernel noticing; also folders of the host in a
container of Docker Desktop.
"""


def remote_devices(mounts: str) -> Set[int]:
    """The devices, as ``stat`` has them, of remote file systems in a ``mountinfo``.

    Source: proc(5), "/proc/pid/mountinfo".
    """
    found = set()
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        device, kind = before.split(" ")[2:3], after.split(" ")[0]
        if device and kind.partition(".")[0] in _REMOTE:
            major, _, minor = device[0].partition(":")
            found.add(os.makedev(int(major), int(minor)))
    return found


def tell_every_change(devices: Iterable[int]) -> bool:
    """Whether events of all ``devices`` can be relied on, as far as is known here."""
    try:
        return remote_devices(_MOUNTS.read_text(errors="replace")).isdisjoint(devices)
    except (OSError, ValueError):
        return True
