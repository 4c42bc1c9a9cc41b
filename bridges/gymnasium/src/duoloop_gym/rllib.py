"""The environments for RLlib: ``register_env("duoloop", duoloop_gym.rllib.make_env)``."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper

from duoloop_gym.env import DuoloopEnv
from duoloop_gym.vector import DuoloopVectorEnv


class NextStepVectorEnv(VectorWrapper):
    """Autoreset on the next step, which is all that RLlib's env runners know.

    The step that ends an episode returns its last observation. In the following step the lane's action is not taken: it
    holds, and what is returned is the observation with which the new episode begins. So each episode is begun one
    decision late, which costs one step of its up to 5,760.
    """

    def __init__(self, env: DuoloopVectorEnv) -> None:
        super().__init__(env)
        self.metadata = {**env.metadata, "autoreset_mode": AutoresetMode.NEXT_STEP}
        self.handshake = env.handshake
        # No rank is raised, and no set-point proposed.
        self._hold = np.array([0, len(env.handshake.choices[1]) - 1])
        self._ended = np.zeros(env.num_envs, dtype=np.bool_)

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        self._ended[:] = False
        return self.env.reset(seed=seed, options=options)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        begun = self._ended
        chosen = np.where(begun[:, None], self._hold, np.asarray(actions))
        observations, rewards, terminations, truncations, infos = self.env.step(chosen)
        self._ended = terminations | truncations
        final = infos.pop("final_obs", None)
        for name in ("_final_obs", "final_info", "_final_info"):
            infos.pop(name, None)
        for lane in np.flatnonzero(self._ended):
            observations[lane] = final[lane]
        return observations, np.where(begun, 0, rewards).astype(np.float32), terminations, truncations, infos


def make_env(config: dict[str, Any]) -> DuoloopEnv | VectorEnv[Any, Any, Any]:
    """What ``ray.tune.registry.register_env`` takes.

    ``env_config`` has the arguments of ``DuoloopEnv``. Under ``gym_env_vectorize_mode="vector_entry_point"`` RLlib adds
    ``num_envs``, and all lanes of an env runner are in one simulator, which is far faster than one simulator for each.
    """
    # An EnvContext, which has attributes of its own besides.
    options = dict(config)
    if "num_envs" in options:
        return NextStepVectorEnv(DuoloopVectorEnv(**options))
    return DuoloopEnv(**options)
