"""Which files have something to report, however many have not."""

from pathlib import Path

from controlplane.documents.content import file_objects
from controlplane.engine.read_files import ReadFiles

A, B = Path("a.yaml"), Path("b.yaml")


def test_files_with_faults_in_their_text_are_known_until_they_are_mended_or_go() -> None:
    files = ReadFiles()
    files.put(file_objects(A, b"apiVersion: [broken"))
    files.put(file_objects(B, b"a: [broken, too"))
    assert [content.path for content in files.faulty()] == [A, B]

    files.put(file_objects(A, b"# mended"))
    files.remove(B)

    assert list(files.faulty()) == []
    assert list(files) == [A]
