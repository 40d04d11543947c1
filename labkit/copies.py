"""The learner's copies of the notebooks: `my/` beside `notebooks/`.

A missing copy is made; one that is there is never written again, whatever became of the original. `my/.originals.json`
holds the SHA-256 each copy was made from, so that a newer original can be mentioned. What is byte for byte our own
gets signed, so that Jupyter shows its stored outputs as trusted; what the learner changed is theirs to trust.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from labkit.errors import ConfigError, ParameterError, StorageError, did_you_mean

ROOT = Path(__file__).absolute().parent.parent


@dataclass(frozen=True)
class Desk:
    """Where the originals lie and where the copies go."""

    notebooks: Path
    my: Path

    def originals(self) -> list[Path]:
        """The lab's notebooks in order. Raises ConfigError when there is none: the clone is not whole."""
        found = sorted(self.notebooks.glob("[0-9]*.ipynb"))
        if not found:
            raise ConfigError(
                "no notebook is here", where=str(self.notebooks), do="Restore them: git checkout -- notebooks"
            )
        return found

    def lay_out(self) -> tuple[list[Path], list[Path]]:
        """Make the missing copies. Returns (the copies made, the originals newer than the copy that is there)."""
        noted = self._noted()
        made, newer = [], []
        for original in self.originals():
            data = _read(original)
            copy = self.my / original.name
            if not copy.exists():
                if _write_once(copy, data):
                    made.append(copy)
                noted[original.name] = _sha(data)
            elif noted.setdefault(original.name, _sha(data)) != _sha(data):
                newer.append(original)
        self._note(noted)
        return made, newer

    def fresh(self, number: str) -> Path:
        """Put a new copy of notebook `number` ('3', '03' or the file's name) beside the learner's; returns it."""
        original = self._find(number)
        data = _read(original)
        names = [original.name] + [f"{original.stem}-fresh{'' if n == 1 else f'-{n}'}.ipynb" for n in range(1, 1000)]
        for name in names:
            if _write_once(self.my / name, data):
                self._note({**self._noted(), original.name: _sha(data)})
                return self.my / name
        raise StorageError(f"there are {len(names)} copies of it already", where=str(self.my), do="Remove some")

    def pristine(self) -> list[Path]:
        """The copies that are still byte for byte an original."""
        ours = {_sha(_read(original)) for original in self.originals()}
        return [copy for copy in sorted(self.my.glob("*.ipynb")) if _sha(_read(copy)) in ours]

    def _find(self, number: str) -> Path:
        named = {original.name.split("-")[0]: original for original in self.originals()}
        word = number.removesuffix(".ipynb").split("-")[0]
        found = named.get(word.zfill(2)) if word else None
        if found is None:
            raise ParameterError(
                f"there is no notebook {number!r}",
                where="fresh",
                right=f"There are {', '.join(named)}",
                do=did_you_mean(number, [o.stem for o in named.values()]),
            )
        return found

    def _noted(self) -> dict[str, str]:
        try:
            data = json.loads((self.my / ".originals.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return {str(k): str(v) for k, v in data.items()} if isinstance(data, dict) else {}

    def _note(self, noted: dict[str, str]) -> None:
        if noted != self._noted():
            _replace(self.my / ".originals.json", (json.dumps(noted, indent=1) + "\n").encode())


def desk() -> Desk:
    """The desk of the clone that this package lies in."""
    return Desk(ROOT / "notebooks", ROOT / "my")


def sign(copies: Iterable[Path], folder: Path) -> int:
    """Sign notebooks for Jupyter, with the database and the secret in `folder`; returns how many could be read."""
    import nbformat
    from nbformat.sign import NotebookNotary

    folder.mkdir(parents=True, exist_ok=True)
    signed = 0
    with NotebookNotary(**notary_files(folder)) as notary:
        for copy in copies:
            try:
                notary.sign(nbformat.read(copy, as_version=4))
            except (OSError, ValueError):
                continue  # Jupyter will say better what is wrong with it
            signed += 1
    return signed


def notary_files(folder: Path) -> dict[str, str]:
    """The settings of nbformat's NotebookNotary that keep its files in `folder`."""
    return {"db_file": str(folder / "nbsignatures.db"), "secret_file": str(folder / "notebook_secret")}


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StorageError(f"it cannot be read ({error.strerror})", where=str(path)) from None


def _write_once(path: Path, data: bytes) -> bool:
    """Write `data` to `path` whole or not at all; False, and nothing written, when `path` is there already."""
    if path.exists():
        return False
    part = _part(path, data)
    try:
        os.link(part, path)  # unlike a rename, this never takes the place of a file that has just come
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        if path.exists():
            return False
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return True


def _replace(path: Path, data: bytes) -> None:
    os.replace(_part(path, data), path)


def _part(path: Path, data: bytes) -> Path:
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(exist_ok=True)
        part.write_bytes(data)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise StorageError(
            f"it cannot be written ({error.strerror})",
            where=str(path),
            do="Check the folder's permissions and free space",
        ) from None
    return part
