"""Finds the ``duoloop`` command."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from duoloop_gym.errors import DuoloopError

Command = str | Sequence[str]


def find_command(command: Command | None = None) -> list[str]:
    """The words that start Duoloop: as given, as DUOLOOP_COMMAND says, from PATH, or from a checkout or an installation
    that the working folder or this file is in.

    Raises:
        DuoloopError: there is none; says what to do.
    """
    given = command if command is not None else os.environ.get("DUOLOOP_COMMAND") or None
    if given is not None:
        words = shlex.split(given) if isinstance(given, str) else [os.fspath(word) for word in given]
        program = shutil.which(words[0]) if words else None
        if program is None:
            origin = "command" if command is not None else "DUOLOOP_COMMAND"
            raise DuoloopError(f"{origin} {given!r}: no such program; give the command that starts Duoloop")
        return [program, *words[1:]]
    on_path = shutil.which("duoloop")
    if on_path is not None:
        return [on_path]
    script = _nearby_script([Path.cwd(), Path(__file__).resolve().parent])
    node = shutil.which("node")
    if script is not None and node is not None:
        return [node, str(script)]
    missing = "Duoloop" if node is not None else "Node.js"
    raise DuoloopError(
        f"{missing} was not found: install Node 20.19 or newer and Duoloop, or set DUOLOOP_COMMAND to the command that "
        "starts it, such as 'node /path/to/duoloop/bin/duoloop.mjs'"
    )


def _nearby_script(beginnings: Iterable[Path]) -> Path | None:
    """``bin/duoloop.mjs`` of a checkout, or of an npm installation, in one of the folders or above."""
    for beginning in beginnings:
        for folder in (beginning, *beginning.parents):
            for package in (folder, folder / "node_modules" / "duoloop"):
                script = package / "bin" / "duoloop.mjs"
                if script.is_file() and _is_duoloop(package):
                    return script
    return None


def _is_duoloop(package: Path) -> bool:
    try:
        return bool(json.loads((package / "package.json").read_text(encoding="utf-8")).get("name") == "duoloop")
    except (OSError, ValueError, AttributeError):
        return False
