"""The records of one output folder, each written whole or not at all. Every other output is derived from them."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path


class Records:
    """One JSON file a student. Iterating reads those of `students`, one by one: memory need not hold a class."""

    def __init__(self, folder: Path, students: Iterable[str] = ()):
        self.folder, self.students = folder / "records", sorted(students)
        self.folder.mkdir(parents=True, exist_ok=True)

    def __iter__(self) -> Iterator[dict]:
        return map(self._read, self.students)

    def path(self, student: str) -> Path:
        return self.folder / f"{stem(student)}.json"

    def _read(self, student: str) -> dict:
        return json.loads(self.path(student).read_text(encoding="utf-8"))

    def get(self, student: str, key: str) -> dict | None:
        """The record of that student if it was made from the very same things."""
        try:
            record = self._read(student)
        except (OSError, ValueError):
            return None
        return record if isinstance(record, dict) and record.get("key") == key else None

    def put(self, record: dict) -> None:
        # In ASCII: there may be halves of characters in it.
        write_whole(self.path(record["student"]), json.dumps(record, indent=1) + "\n")


def stem(student: str) -> str:
    """A file name for any student's name: what a file system might not take is replaced, and a hash keeps it apart."""
    plain = "".join(c if c.isalnum() or c in "-_." else "_" for c in student)[:40]
    return f"{plain}-{hashlib.sha256(os.fsencode(student)).hexdigest()[:8]}".lstrip("-.")  # no hidden file, no option


def write_whole(path: Path, text: str) -> None:
    """Writes a file so that at any moment the old one or the new one is there, never a part.

    One process at a time writes to a folder, so what one that was killed left half done is where the next begins anew.
    """
    begun = path.with_name(f"{path.name}.tmp")
    with open(begun, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(begun, path)
