"""Progress: one JSON file in LAB_HOME with the learner's guesses and results. Nothing of it leaves the machine.

Each change reads the file under a lock, merges and replaces it in one step, so that two notebooks can write at once
and a crash in mid-write leaves the old file. A file that cannot be read is kept beside the new one, never overwritten.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labkit.errors import StorageError

VERSION = 1


class Progress:
    """The progress file at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, Any]:
        """All that is kept: `predictions` (id -> guess) and `exercises`
        (id -> outcome, tries, hints, solution_seen); empty without a file.

        Raises StorageError when a file of a newer version is there.
        """
        try:
            data = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return _empty()
        except OSError as error:
            raise self._cannot("read", error) from None
        except ValueError:
            return _empty()
        if not isinstance(data, dict) or not isinstance(data.get("version"), int):
            return _empty()
        if data["version"] > VERSION:
            raise StorageError(
                f"it was written by a newer lab (version {data['version']}, this one knows {VERSION})",
                where=str(self.path),
                do="Update the lab, or set LAB_HOME to another folder",
            )
        return {**data, **{k: data[k] if isinstance(data.get(k), dict) else {} for k in ("predictions", "exercises")}}

    def note(self, kind: str, id: str, value: Any) -> None:
        """Keep `value` for `id` under `kind`. Raises StorageError when it cannot be written; nothing is lost then."""
        self.change(kind, id, lambda _: value)

    def change(self, kind: str, id: str, change: Callable[[Any], Any]) -> None:
        """Keep `change(what was kept)`, None where nothing was. No other writer comes between. Raises StorageError."""
        with self._locked():
            data = self.read()
            self._keep_unreadable()
            data[kind] = {**data.get(kind, {}), id: change(data.get(kind, {}).get(id))}
            self._replace(json.dumps(data, indent=1, ensure_ascii=False))

    def reset(self) -> Path | None:
        """Begin anew. Returns where the old file now is, None when there was none. Raises StorageError."""
        if not self.path.exists():
            return None
        with self._locked():
            old = self.path.with_suffix(".before-reset.json")
            self.path.replace(old)
        return old

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone with the file. What a writer that was killed left half written is cleared away."""
        from filelock import FileLock, Timeout

        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(str(self.path) + ".lock", timeout=10):
                for part in self.path.parent.glob(f"{self.path.name}*.part"):
                    part.unlink(missing_ok=True)
                yield
        except Timeout:
            raise StorageError(
                "another notebook has held it for 10 s", where=str(self.path), do="Run the cell again"
            ) from None
        except OSError as error:
            raise self._cannot("written", error) from None

    def _replace(self, text: str) -> None:
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=self.path.name, suffix=".part")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _keep_unreadable(self) -> None:
        try:
            json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return
        except ValueError:
            self.path.replace(self.path.with_suffix(".unreadable.json"))

    def _cannot(self, what: str, error: OSError) -> StorageError:
        return StorageError(
            f"it cannot be {what} ({error.strerror or error})",
            where=str(self.path),
            do="Check the folder's permissions and free space, or set LAB_HOME to another folder",
        )


def _empty() -> dict[str, Any]:
    return {"version": VERSION, "predictions": {}, "exercises": {}}
