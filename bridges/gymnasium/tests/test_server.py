"""The child process: how it is found, how it ends, and what is said when something is wrong."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import eventually, is_running

from duoloop_gym import DuoloopEnv, DuoloopError, DuoloopVectorEnv, ServerError
from duoloop_gym.command import find_command

HOLD = np.array([[0, 6]])


def test_close_and_collection_end_the_child() -> None:
    closed, collected = DuoloopEnv(), DuoloopVectorEnv(1)
    ids = [closed.server.process_id, collected.server.process_id]
    assert all(is_running(process_id) for process_id in ids)
    closed.close()
    closed.close()
    assert not is_running(ids[0])
    with pytest.raises(ServerError, match="closed; make it anew"):
        closed.reset()
    del collected
    gc.collect()
    assert eventually(lambda: not is_running(ids[1]))


def test_child_that_dies_is_an_error_not_a_hang() -> None:
    env = DuoloopVectorEnv(1)
    env.reset(seed=1)
    os.kill(env.server.process_id, signal.SIGKILL)
    with pytest.raises(ServerError, match="ended by signal 9"):
        # The first request may still find room in the pipe.
        for _ in range(2):
            env.step(HOLD)
    with pytest.raises(ServerError, match="ended by signal 9; make the environment anew"):
        env.reset()


def test_child_does_not_outlive_a_python_that_is_killed() -> None:
    script = (
        "import duoloop_gym, os, signal; env = duoloop_gym.DuoloopEnv(); env.reset()\n"
        "print(env.server.process_id, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False)
    assert ran.returncode == -signal.SIGKILL, ran.stderr
    assert eventually(lambda: not is_running(int(ran.stdout)))


def test_interrupted_step_does_not_mix_up_the_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    env = DuoloopVectorEnv(1)
    env.reset(seed=1)

    class Interrupted:
        """As Ctrl-C in the midst of waiting for the answer."""

        def readinto(self, _buffer: object) -> int:
            raise KeyboardInterrupt

    monkeypatch.setattr(env.server, "_output", Interrupted())
    with pytest.raises(KeyboardInterrupt):
        env.step(HOLD)
    with pytest.raises(ServerError, match="waiting for a step was interrupted; make the environment anew"):
        env.step(HOLD)
    assert not is_running(env.server.process_id)


def test_request_without_its_answer_is_refused(vector_env: DuoloopVectorEnv) -> None:
    vector_env.reset(seed=1)
    with pytest.raises(ServerError, match="no answer to wait for"):
        vector_env.server.receive_step()
    hold = np.repeat(HOLD, 3, axis=0)
    vector_env.server.send_step(hold)
    with pytest.raises(ServerError, match="was not taken"):
        vector_env.server.send_step(hold)
    vector_env.server.receive_step()
    vector_env.step(hold)


def test_environment_is_of_the_process_that_made_it(
    vector_env: DuoloopVectorEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 1)
    with pytest.raises(ServerError, match="make one in each process"):
        vector_env.reset(seed=1)


def test_step_before_reset_is_refused() -> None:
    env = DuoloopVectorEnv(1)
    with pytest.raises(ValueError, match="step before the first reset"):
        env.step(HOLD)
    env.reset(seed=1)
    env.step(HOLD)
    env.close()


def test_what_duoloop_refuses_is_said_in_its_words(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="exit code 2: app model nosuch: no such shipped app"):
        DuoloopEnv("nosuch")
    trace = tmp_path / "broken.csv"
    trace.write_text("second,rps\n0,1\n0,2\n", encoding="utf-8")
    with pytest.raises(ServerError, match=r"exit code 2: .*broken\.csv"):
        DuoloopEnv(traces=[trace])
    with pytest.raises(ServerError, match="--interval .*multiple of 15"):
        DuoloopEnv(interval_seconds=20)


def test_program_that_is_not_duoloop_is_told_from_it() -> None:
    with pytest.raises(
        ServerError, match=r"began with b'hello serve-env --app=frontend.*instead of Duoloop's handshake"
    ):
        DuoloopEnv(command=["echo", "hello"])
    with pytest.raises(ServerError, match="speaks duoloop-env 99"):
        DuoloopEnv(command=["sh", "-c", """echo '{"protocol":"duoloop-env","version":99}'; cat"""])
    with pytest.raises(ServerError, match=r"exit code 3: out of order"):
        DuoloopEnv(command=["sh", "-c", "echo 'error: out of order' >&2; exit 3"])


def test_command_is_found_where_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nearby = find_command()
    assert nearby[-1].endswith("bin/duoloop.mjs")
    on_path = tmp_path / "duoloop"
    on_path.write_text("#!/bin/sh\n", encoding="utf-8")
    on_path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert find_command() == [str(on_path)]
    monkeypatch.setenv("DUOLOOP_COMMAND", "sh -c 'exec duoloop \"$@\"' x")
    assert find_command()[1:] == ["-c", 'exec duoloop "$@"', "x"]
    assert Path(find_command(["cat", "-u"])[0]).name == "cat"
    monkeypatch.setenv("DUOLOOP_COMMAND", "no-such-program serve")
    with pytest.raises(DuoloopError, match="DUOLOOP_COMMAND 'no-such-program serve': no such program"):
        find_command()
    monkeypatch.delenv("DUOLOOP_COMMAND")
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(DuoloopError, match="Node.js was not found: install Node"):
        find_command()


def test_installation_beside_the_working_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "node_modules" / "duoloop"
    (package / "bin").mkdir(parents=True)
    (package / "bin" / "duoloop.mjs").touch()
    (package / "package.json").write_text('{"name": "duoloop"}', encoding="utf-8")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    assert find_command()[-1] == str(package / "bin" / "duoloop.mjs")
    (package / "package.json").write_text('{"name": "another"}', encoding="utf-8")
    assert find_command()[-1] != str(package / "bin" / "duoloop.mjs")
