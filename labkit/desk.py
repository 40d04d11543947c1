"""JupyterLab, opened on the learner's copy of notebook 00: quiet, on a free port, asking nothing of the network.

It owns the settings JupyterLab is started with, not the copies (`labkit.copies`). The server runs in this process, so
that whoever stops `lab.py` stops it. Settings, workspaces and signatures of trust lie in LAB_HOME/jupyter; what the
user set for themselves (theme, shortcuts) stays in force.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
from pathlib import Path
from typing import Any

from labkit.copies import ROOT, desk, notary_files, sign
from labkit.errors import ParameterError, ServerError, StorageError

FIRST_PORT = 8888
HOST = "127.0.0.1"

# Defaults of the lab: nothing is asked about or fetched, and long code lines wrap in a narrow window. Source: the
# plugins' schemas in JupyterLab 4.6 (schemas/@jupyterlab/apputils-extension/notification.json and
# schemas/@jupyterlab/notebook-extension/tracker.json).
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension:tracker": {"codeCellConfig": {"lineNumbers": False, "lineWrap": True}},
}


def open_lab(*, port: int | None = None, browser: bool = True) -> int:
    """Lay out the copies and serve JupyterLab until it is stopped; returns its exit status.

    port: exactly this one (ServerError when it is taken), or None for the first free one from 8888.
    """
    from labkit.keys import lab_home

    made, newer = desk().lay_out()
    for original in newer:
        number = original.name.split("-")[0]
        print(f"notebooks/{original.name} is newer than your copy. Have both: python lab.py fresh {number}")
    if made:
        print(f"{len(made)} notebook{'s' if len(made) > 1 else ''} copied to my/, which is yours to write in.")
    folder = lab_home() / "jupyter"
    sign(desk().pristine(), folder)
    first = desk().my / desk().originals()[0].name
    return _serve(first, folder, free_port(port), browser)


def free_port(port: int | None, tries: int = 50) -> int:
    """`port` if it can be had, else ServerError; for None the first free one from 8888."""
    if port is not None and not 1 <= port <= 65535:
        raise ParameterError(f"there is no port {port}", where="--port", right="A port is a number from 1 to 65535")
    for candidate in [port] if port is not None else [*range(FIRST_PORT, FIRST_PORT + tries)]:
        try:
            with socket.socket() as probe:
                if os.name != "nt":  # on Windows this option would let two servers share the port
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((HOST, candidate))
            return candidate
        except PermissionError:
            taken = "may not be used by you"
        except OSError:
            taken = "is taken by another program"
    if port is None:
        raise ServerError(f"no port from {FIRST_PORT} to {FIRST_PORT + tries - 1} is free", do="Name one: --port 9999")
    raise ServerError(f"port {port} {taken}", where="--port", do="Leave --port out, or name another one")


def settings(first: Path, folder: Path, port: int, browser: bool) -> dict[str, object]:
    """JupyterLab's settings by their full names. They win over the user's own of the same name."""
    level = "INFO" if os.environ.get("LAB_DEBUG") else "ERROR"
    return {
        "ServerApp.root_dir": str(ROOT),
        "ServerApp.ip": HOST,
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.open_browser": browser,
        "ServerApp.allow_root": True,
        "ServerApp.answer_yes": True,
        "ServerApp.log_level": level,
        "LabApp.log_level": level,
        "ServerApp.default_url": "/lab/tree/" + first.relative_to(ROOT).as_posix(),
        "LabApp.default_url": "/lab/tree/" + first.relative_to(ROOT).as_posix(),
        "LabApp.news_url": None,
        "LabApp.check_for_updates_class": "jupyterlab.handlers.announcements.NeverCheckForUpdate",
        "LabApp.extension_manager": "readonly",
        "MappingKernelManager.transport_encryption": "auto",  # where a kernel can; without it, it prints a warning
        "LabApp.workspaces_dir": str(folder / "workspaces"),
        **{f"NotebookNotary.{name}": value for name, value in notary_files(folder).items()},
    }


def at_once(connection: type) -> type:
    """A class of connections between browser and kernel, such as Jupyter's, that sends each message when it is there.

    Tornado leaves Nagle's algorithm on (tornado.websocket, `set_nodelay`): of the few short messages of a slider's move
    the second waits until the browser's system has confirmed the first, which on Linux takes up to 40 ms.
    """

    def connect(self: Any) -> Any:
        self.websocket_handler.set_nodelay(True)
        return connection.connect(self)  # type: ignore[attr-defined]

    return type(connection.__name__, (connection,), {"connect": connect, "__module__": __name__})


def _serve(first: Path, folder: Path, port: int, browser: bool) -> int:
    token = secrets.token_hex(24)
    _write_defaults(folder / "config" / "labconfig" / "default_setting_overrides.json")
    paths = [str(folder / "config"), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(path for path in paths if path)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        print("You are root, and so is whoever opens the address below. Better run the lab as a plain user.")

    from jupyterlab.labapp import LabApp

    given = {**settings(first, folder, port, browser), "IdentityProvider.token": token}
    try:
        app = LabApp.initialize_server(argv=[f"--{name}={value}" for name, value in given.items()])
        connection = app.web_app.settings["kernel_websocket_connection_class"]
        app.web_app.settings["kernel_websocket_connection_class"] = at_once(connection)
        address = f"http://{HOST}:{port}{app.base_url.rstrip('/')}{app.default_url}?token={token}"
        # The port is bound by the first turn of the loop; this comes right after it.
        app.io_loop.add_callback(print, f"The lab is open at\n\n    {address}\n\nCtrl-C here stops it.", flush=True)
        app.start()
    except SystemExit as end:
        if end.code:
            raise ServerError(
                f"JupyterLab did not start (exit status {end.code})",
                where=f"port {port}",
                do="Run it again with LAB_DEBUG=1 in the environment to see what JupyterLab says",
            ) from None
    print("The lab is closed.")
    return 0


def _write_defaults(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(SETTINGS, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"it cannot be written ({error.strerror})",
            where=str(path),
            do="Set LAB_HOME to a folder that you may write",
        ) from None
