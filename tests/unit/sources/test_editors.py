"""However a file is saved, what is reported is its new content, once, and never that it is gone."""

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.sources.streams import Opened, reports

OLD, NEW = "version: one\n", "version: two\n"
WAYS = {
    "sed -i": "sed -i s/one/two/ a.yaml",
    "cp": "cp ../new a.yaml",
    "cp -p, of equal size and time": "touch -r a.yaml ../new && cp -p ../new a.yaml",
    "mv": "mv ../new a.yaml",
    "ln -f": "ln -f ../new a.yaml",
    "install": "install -m 644 ../new a.yaml",
    "a shell": "cat ../new > a.yaml",
    "vim, with a backup": "mv a.yaml a.yaml~ && cat ../new > a.yaml && rm a.yaml~",
    "emacs": "ln -s someone@somewhere .#a.yaml && cp ../new a.yaml && rm .#a.yaml",
    "an editor that deletes": "rm a.yaml && cat ../new > a.yaml",
    "an editor with a hidden file": "cp ../new .a.yaml.swp && mv .a.yaml.swp a.yaml",
    "rsync": "rsync --checksum ../new a.yaml",
    "rsync --inplace": "rsync --checksum --inplace ../new a.yaml",
}


@pytest.mark.parametrize("way", WAYS)
async def test_a_save_is_one_change(tmp_path: Path, stream: Opened, way: str) -> None:
    if shutil.which(WAYS[way].split()[0]) is None:
        pytest.skip(f"{way} is not installed")
    folder = tmp_path / "mesh"
    folder.mkdir()
    (folder / "a.yaml").write_text(OLD)
    (tmp_path / "new").write_text(NEW)
    async with stream(folder) as files:
        await reports(files, {"a.yaml": OLD.encode()})

        await asyncio.to_thread(subprocess.run, WAYS[way], shell=True, check=True, cwd=folder)

        await reports(files, {"a.yaml": NEW.encode()})
        (folder / "z.yaml").write_text("the next")
        await reports(files, {"z.yaml": b"the next"})
