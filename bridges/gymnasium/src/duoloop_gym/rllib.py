"""The environments for RLlib: ``register_env("duoloop", duoloop_gym.rllib.make_env)``."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import Env
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper
from gymnasium.wrappers import TransformReward

from duoloop_gym.env import DuoloopEnv
from duoloop_gym.vector import DuoloopVectorEnv


class NextStepVectorEnv(VectorWrapper):
    """Autoreset on the next step, which is all that RLlib's env runners know.

    The step that ends an episode returns its last observation. In the following step the lane's action is not taken: it
    holds, and what is returned is the observation with which the new episode begins. So each episode is begun one
    decision late, which costs one step of its up to 5,760.

    Args:
        env: all lanes in one simulator
        reward_scale: factor of rewards, which RLlib does not normalise; at 0.1 a critic learns them
    """

    def __init__(self, env: DuoloopVectorEnv, reward_scale: float = 1.0) -> None:
        super().__init__(env)
        self.metadata = {**env.metadata, "autoreset_mode": AutoresetMode.NEXT_STEP}
        self.handshake = env.handshake
        self._reward_scale = np.float32(reward_scale)
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
        scaled = np.where(begun, np.float32(0), rewards * self._reward_scale)
        return observations, scaled, terminations, truncations, infos


def make_env(config: dict[str, Any]) -> Env[Any, Any] | VectorEnv[Any, Any, Any]:
    """What ``ray.tune.registry.register_env`` takes.

    ``env_config`` has the arguments of ``DuoloopEnv``, and ``reward_scale``. Under
    ``gym_env_vectorize_mode="vector_entry_point"`` RLlib adds ``num_envs``, and all lanes of an env runner are in one
    simulator, which is far faster than one simulator for each.
    """
    # An EnvContext, which has attributes of its own besides.
    options = dict(config)
    scale = float(options.pop("reward_scale", 1.0))
    if "num_envs" in options:
        return NextStepVectorEnv(DuoloopVectorEnv(**options), scale)
    return TransformReward(DuoloopEnv(**options), lambda reward: scale * float(reward))
