"""Where keys and the lab's own folder are: the environment, `.env`, LAB_HOME.

It reads; it never writes a key anywhere. `.env` is looked for beside the notebook and in the folders above it, up to
the one that holds `lab.py`, since notebooks are run from `my/`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from labkit.errors import ConfigError, KeyMissing, StorageError
from labkit.keys.secret import Secret

KEY_ENDINGS = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD", "_key", "_token", "_secret", "_password")


def names_a_key(variable: str) -> bool:
    """Whether a variable of this name is taken to hold something secret."""
    return variable.endswith(KEY_ENDINGS)


def find(
    variables: Iterable[str], env: Mapping[str, str] | None = None, dotenv: str | os.PathLike[str] | None = ".env"
) -> Secret | None:
    """The first of `variables` that is set, in the environment before `.env`; None when none is.

    env: os.environ unless given.  dotenv: a file; a bare name is looked for here and above; None reads no file.
    Spaces around a value are dropped; an empty value counts as not set.
    Raises KeyMissing for a value that no HTTP header could carry, and ConfigError for an unreadable `.env`.
    """
    environ = os.environ if env is None else env
    names = list(variables)
    for name in names:
        if environ.get(name, "").strip():
            return _checked(Secret(environ[name].strip(), name), "the environment")
    for path in dotenv_paths(dotenv):
        found = read_dotenv(path)
        for name in names:
            secret = _as_secret(found.get(name), name)
            if secret is not None:
                return _checked(secret, str(path))
    return None


def read_dotenv(path: str | os.PathLike[str]) -> dict[str, Secret | str]:
    """The variables of a `.env` file: Secrets where the name says so (`…_KEY`, `…_TOKEN`, `…_SECRET`), else text.

    Handles `export`, comments, single and double quotes, CRLF and a BOM; no interpolation, no values over several
    lines. A file that is not there is an empty one. Raises ConfigError for a line without '=' and for a file that
    is not UTF-8 text.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return {}
    except UnicodeDecodeError:
        raise ConfigError(
            "is not UTF-8 text", where=str(path), do="Save it again as UTF-8 (in Notepad: Save as, Encoding UTF-8)"
        ) from None
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror})", where=str(path), do="Check its permissions") from None
    found: dict[str, Secret | str] = {}
    for number, name, value in _lines_of(text):
        if not name:
            raise ConfigError(
                "is not NAME=value", where=f"{path}, line {number}", right="Write for instance DEEPSEEK_API_KEY=sk-…"
            )
        found[name] = Secret(value, name) if names_a_key(name) else value
    return found


def dotenv_paths(dotenv: str | os.PathLike[str] | None = ".env") -> list[Path]:
    """Where `.env` may lie: the file itself for a path, else this folder and those above up to the lab's own."""
    if dotenv is None:
        return []
    if os.path.dirname(os.fspath(dotenv)):
        return [Path(dotenv)]
    try:
        here = os.getcwd()
    except OSError:  # the folder was removed under us
        return []
    return list(_files_from(here, os.fspath(dotenv)))


def lab_home() -> Path:
    """The folder for progress, recordings and trust: LAB_HOME, or the user's data folder. Made when missing.

    Raises StorageError when it cannot be made.
    """
    given = os.environ.get("LAB_HOME", "").strip()
    if given:
        home = Path(given).expanduser()
    else:
        from platformdirs import user_data_path

        home = user_data_path("llm-api-lab", appauthor=False)
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"the lab's folder cannot be made ({error.strerror})",
            where=str(home),
            do="Set LAB_HOME to a folder that you may write to",
        ) from None
    return home


@lru_cache(maxsize=64)
def _folders_from(here: str) -> tuple[Path, ...]:
    folders, home = [], Path(os.path.expanduser("~"))
    for folder in (Path(here), *Path(here).parents):
        folders.append(folder)
        if folder == home or any((folder / mark).exists() for mark in ("lab.py", ".git")):
            return tuple(folders)
    return (Path(here),)  # no project around us: only this folder's own file


@lru_cache(maxsize=8)
def _files_from(here: str, name: str) -> tuple[Path, ...]:  # asked at every call: making paths costs more than stat
    return tuple(folder / name for folder in _folders_from(here))


def _lines_of(text: str) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.removeprefix("export ").partition("=")
        value = value.strip()
        if value[:1] in ("'", '"') and value.find(value[0], 1) > 0:
            value = value[1 : value.find(value[0], 1)]
        else:
            value = value.split(" #", 1)[0].rstrip()
        yield number, name.strip() if equals else "", value


def _as_secret(value: Secret | str | None, name: str) -> Secret | None:
    if isinstance(value, str):
        value = Secret(value, name)
    return value if value is not None and value.unwrap().strip() else None


def _checked(secret: Secret, place: str) -> Secret:
    if all("!" <= sign <= "~" for sign in secret.unwrap()):
        return secret
    raise KeyMissing(
        f"the value of {secret.name} holds a space or a sign that no HTTP header may carry",
        where=place,
        do="Copy the key again, without quotes, line ends or '…'",
    )
