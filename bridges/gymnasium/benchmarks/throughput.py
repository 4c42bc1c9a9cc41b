"""Environment steps per second that arrive in Python, with random actions; `npm run bench -- --only gymnasium` runs it.

Prints JSON: a list of {"name", "samples"}, samples in steps/s.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import time
from collections.abc import Callable

import numpy as np
from gymnasium.vector import AsyncVectorEnv

from duoloop_gym import DuoloopEnv, DuoloopVectorEnv

APP = "frontend"


def measure(name: str, lanes: int, step: Callable[[int], object], repeats: int, seconds: float) -> dict[str, object]:
    """Warms up for as long as one repeat, since the simulator's compiler has to see what is hot."""

    def calls_in(limit: float) -> float:
        begin = time.perf_counter()
        calls = 0
        while time.perf_counter() - begin < limit:
            step(calls)
            calls += 1
        return calls / (time.perf_counter() - begin)

    calls_in(2 * seconds)
    return {"name": name, "samples": [calls_in(seconds) * lanes for _ in range(repeats)]}


def random_actions(choices: np.ndarray, lanes: int) -> list[np.ndarray]:
    """Enough of them not to repeat a pattern, and drawn beforehand: to draw them is not what is measured."""
    generator = np.random.default_rng(1)
    return [generator.integers(choices, size=(lanes, len(choices))) for _ in range(64)]


class JsonEnv:
    """The same environment over the same pipes, with a line of JSON for each request and answer."""

    def __init__(self, command: list[str], lanes: int) -> None:
        self.process = subprocess.Popen([*command, APP, str(lanes)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, ...]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(actions.reshape(-1).tolist()).encode() + b"\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return tuple(np.array(answer[name], dtype=np.float32) for name in ("observations", "rewards", "truncated"))

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lanes", type=int, nargs="+", required=True)
    parser.add_argument("--processes", type=int, default=8, help="of Gymnasium's AsyncVectorEnv")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each repeat")
    parser.add_argument("--json-command", required=True, help="starts the JSON server")
    arguments = parser.parse_args()
    repeats, seconds = arguments.repeats, arguments.seconds
    results = []

    single = DuoloopEnv(APP)
    single.reset(seed=1)
    actions = random_actions(single.action_space.nvec, 1)

    def step_single(call: int) -> None:
        if single.step(actions[call % 64][0])[3]:
            single.reset()

    results.append(measure("DuoloopEnv", 1, step_single, repeats, seconds))
    choices = single.action_space.nvec
    single.close()

    def measure_lanes(name: str, env: DuoloopVectorEnv | JsonEnv | AsyncVectorEnv, lanes: int) -> None:
        batches = random_actions(choices, lanes)
        results.append(measure(f"{name} {lanes}", lanes, lambda call: env.step(batches[call % 64]), repeats, seconds))
        env.close()

    for lanes in arguments.lanes:
        vector = DuoloopVectorEnv(lanes, APP)
        vector.reset(seed=1)
        measure_lanes("vector", vector, lanes)
    measure_lanes("json", JsonEnv(shlex.split(arguments.json_command), arguments.lanes[-1]), arguments.lanes[-1])
    processes = AsyncVectorEnv([lambda: DuoloopEnv(APP)] * arguments.processes)
    processes.reset(seed=1)
    measure_lanes("async", processes, arguments.processes)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
