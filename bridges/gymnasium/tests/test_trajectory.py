"""What arrives in Python is, bit for bit, what Duoloop's own learner sees."""

from __future__ import annotations

from typing import Any

import numpy as np

from duoloop_gym import DuoloopVectorEnv


def test_trajectory_is_that_of_typescript(trajectory: dict[str, Any]) -> None:
    lanes, steps, arrays = trajectory["lanes"], trajectory["steps"], trajectory["arrays"]
    env = DuoloopVectorEnv(lanes, trajectory["app"], **trajectory["options"])
    assert list(env.handshake.observation_names) == trajectory["observationNames"]
    observations = [env.reset(seed=trajectory["seed"])[0]]
    seen: dict[str, list[np.ndarray]] = {name: [] for name in arrays if name not in ("actions", "observations")}
    for actions in arrays["actions"].reshape(steps, lanes, -1):
        env.server.send_step(actions)
        step = env.server.receive_step()
        observations.append(step.observations)
        seen["rewards"].append(step.rewards)
        seen["terms"].append(step.terms)
        seen["terminated"].append(step.terminated)
        seen["truncated"].append(step.truncated)
        seen["finalObservations"].append(step.final_observations)
    env.close()
    assert np.sum(seen["truncated"]) > lanes, "no episode ended: final observations were not compared"
    for name, values in {**seen, "observations": observations}.items():
        got = np.concatenate([np.ascontiguousarray(value).reshape(-1) for value in values])
        assert got.tobytes() == arrays[name].tobytes(), name
