"""What `pip install` would get."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import duoloop_gym

PROJECT = Path(__file__).resolve().parent.parent


def test_wheel_has_the_package_with_its_types(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=PROJECT, check=True, capture_output=True)
    (wheel,) = tmp_path.iterdir()
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = archive.read(f"duoloop_gym-{duoloop_gym.__version__}.dist-info/METADATA").decode()
    sources = {f"duoloop_gym/{file.name}" for file in (PROJECT / "src" / "duoloop_gym").iterdir() if file.is_file()}
    assert "duoloop_gym/py.typed" in sources
    assert {name for name in names if ".dist-info/" not in name} == sources
    assert "Requires-Dist: gymnasium>=1.1" in metadata
