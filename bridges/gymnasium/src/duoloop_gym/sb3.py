"""The environments for Stable-Baselines3, whose algorithms take a VecEnv of their own kind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import gymnasium
import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from duoloop_gym.command import Command
from duoloop_gym.env import SEED_LIMIT
from duoloop_gym.options import EnvOptions, PathLike
from duoloop_gym.server import BoolArray, EnvServer, FloatArray, Step

Indices = None | int | Iterable[int]


class DuoloopVecEnv(VecEnv):
    """``num_envs`` applications in one simulator, as Stable-Baselines3 wants them.

    Episodes only ever end by truncation, so every info of an ended lane has ``TimeLimit.truncated`` and
    ``terminal_observation``, from which the algorithms bootstrap. Infos have the reward's terms by name, so that
    ``VecMonitor(env, info_keywords=("cost", "violation", "churn"))`` logs those of the last step.

    Args:
        num_envs: lanes; on-policy algorithms gain most from some hundred
        app: a shipped app model (frontend, teastore, boutique, boutique-moving) or the JSON file of your own
        command: what starts Duoloop, where it is not found by itself
        options: the fields of ``EnvOptions``

    Raises:
        DuoloopError: Duoloop was not found, or refuses an option
    """

    # Asked for by the base class before anything else.
    render_mode: str | None = None

    def __init__(
        self, num_envs: int = 1, app: PathLike = "frontend", *, command: Command | None = None, **options: Any
    ) -> None:
        self.server = EnvServer(EnvOptions(app=app, **options), lanes=num_envs, command=command)
        self.handshake = self.server.handshake
        super().__init__(num_envs, self.handshake.observation_space(), self.handshake.action_space())
        self._random = np.random.default_rng()

    def reset(self) -> FloatArray:
        """With the seed given before by ``seed``, which is the first lane's; it determines the others' as well."""
        seed = self._seeds[0]
        if seed is not None:
            self._random = np.random.default_rng(seed)
        self._reset_seeds()
        self._reset_options()
        return self.server.reset(int(self._random.integers(SEED_LIMIT)) if seed is None else seed)

    def step_async(self, actions: np.ndarray[Any, Any]) -> None:
        self.server.send_step(actions)

    def step_wait(self) -> tuple[FloatArray, FloatArray, BoolArray, list[dict[str, Any]]]:
        step = self.server.receive_step()
        return step.observations, step.rewards, step.terminated | step.truncated, self._infos(step)

    def close(self) -> None:
        self.server.close()

    def get_attr(self, attr_name: str, indices: Indices = None) -> list[Any]:
        """Of the whole, once for each lane: lanes have no attributes of their own."""
        return [getattr(self, attr_name) for _ in self._lanes(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Indices = None) -> None:
        raise NotImplementedError(f"set_attr({attr_name!r}): lanes have no attributes; give options to DuoloopVecEnv")

    def env_method(
        self, method_name: str, *method_args: Any, indices: Indices = None, **method_kwargs: Any
    ) -> list[Any]:
        raise NotImplementedError(f"env_method({method_name!r}): lanes are in one simulator and have no methods")

    def env_is_wrapped(
        self, wrapper_class: type[gymnasium.Wrapper[Any, Any, Any, Any]], indices: Indices = None
    ) -> list[bool]:
        return [False for _ in self._lanes(indices)]

    def _lanes(self, indices: Indices) -> Sequence[int]:
        return list(self._get_indices(indices))

    def _infos(self, step: Step) -> list[dict[str, Any]]:
        names = (*self.handshake.terms, "TimeLimit.truncated")
        timed_out = step.truncated & ~step.terminated
        columns = (*step.terms.tolist(), timed_out.tolist())
        infos = [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
        ended = np.flatnonzero(step.terminated | step.truncated)
        for lane, observation in zip(ended, step.final_observations, strict=True):
            infos[lane]["terminal_observation"] = observation
        return infos
