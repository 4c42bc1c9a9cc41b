"""Environments that several tests share: starting one takes most of a second, and a reset makes it as good as new."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from duoloop_gym import DuoloopEnv, DuoloopVectorEnv

EPISODE_STEPS = 12


@pytest.fixture(scope="session")
def env() -> Iterator[DuoloopEnv]:
    made = DuoloopEnv("frontend", episode_steps=EPISODE_STEPS)
    yield made
    made.close()


@pytest.fixture(scope="session")
def vector_env() -> Iterator[DuoloopVectorEnv]:
    """Of three lanes, whose episodes end at the same time unless their traces end earlier."""
    made = DuoloopVectorEnv(3, "frontend", episode_steps=EPISODE_STEPS)
    yield made
    made.close()


@pytest.fixture(scope="session", params=["synthetic", "own-traces"])
def trajectory(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What Duoloop's environment did when TypeScript drove it; bridge.test.ts writes it."""
    folder = os.environ.get("DUOLOOP_TRAJECTORIES")
    if folder is None:
        pytest.skip("DUOLOOP_TRAJECTORIES is not set: run `npx vitest run bridges/gymnasium`, which writes them")
    content = json.loads((Path(folder) / f"{request.param}.json").read_text(encoding="utf-8"))
    types = {"actions": np.int32, "terminated": np.bool_, "truncated": np.bool_}
    arrays = {
        name: np.frombuffer(base64.b64decode(encoded), dtype=types.get(name, np.float32))
        for name, encoded in content["arrays"].items()
    }
    return {**content, "arrays": arrays}


def is_running(process_id: int) -> bool:
    """A process that has ended and was not collected yet does not count."""
    status = subprocess.run(["ps", "-o", "stat=", "-p", str(process_id)], capture_output=True, text=True, check=False)
    return status.stdout.strip()[:1] not in ("", "Z")


def eventually(condition: Callable[[], bool], seconds: float = 20) -> bool:
    """Whether it comes to hold; the time is only for machines that are very busy."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()
