"""Many simulated applications as one ``gymnasium.vector.VectorEnv``."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from duoloop_gym.command import Command
from duoloop_gym.env import SEED_LIMIT
from duoloop_gym.options import EnvOptions, PathLike
from duoloop_gym.server import BoolArray, EnvServer, FloatArray, Step


class DuoloopVectorEnv(VectorEnv[FloatArray, Any, np.ndarray[Any, Any]]):
    """``num_envs`` applications in one simulator, each under its own load; see ``DuoloopEnv`` for one of them.

    Autoreset is same-step: where a lane ended, the observation is the first of its next episode, and ``infos`` has
    the last one in ``final_obs``. ``infos`` also has the reward's terms, an array each. All arrays are the caller's
    to keep.

    Args:
        num_envs: lanes; from some hundred on a step costs little more than its simulation
        app: a shipped app model (frontend, teastore, boutique, boutique-moving) or the JSON file of your own
        command: what starts Duoloop, where it is not found by itself
        options: the fields of ``EnvOptions``

    Raises:
        DuoloopError: Duoloop was not found, or refuses an option
    """

    metadata: dict[str, Any] = {"render_modes": [], "autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(
        self,
        num_envs: int = 1,
        app: PathLike = "frontend",
        *,
        command: Command | None = None,
        render_mode: None = None,
        **options: Any,
    ) -> None:
        if render_mode is not None:
            raise ValueError(f"render_mode {render_mode!r}: there is nothing to render; leave it out")
        self.num_envs = num_envs
        self.server = EnvServer(EnvOptions(app=app, **options), lanes=num_envs, command=command)
        self.handshake = self.server.handshake
        self.single_observation_space = self.handshake.observation_space()
        self.single_action_space = self.handshake.action_space()
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[FloatArray, dict[str, Any]]:
        """Begins every lane anew. One seed determines all lanes, which differ from each other."""
        if seed is not None and not isinstance(seed, (int, np.integer)):
            raise ValueError(f"seed {seed!r}: one seed is for all lanes; lanes have none of their own")
        if options:
            raise ValueError(f"options {sorted(options)}: lanes begin anew by themselves; reset takes no options")
        super().reset(seed=seed)
        drawn = int(self.np_random.integers(SEED_LIMIT)) if seed is None else int(seed)
        return self.server.reset(drawn), {}

    def step(self, actions: Any) -> tuple[FloatArray, FloatArray, BoolArray, BoolArray, dict[str, Any]]:
        """Lets every lane go one decision interval. ``actions`` are choices, lanes × heads."""
        self.server.send_step(actions)
        step = self.server.receive_step()
        return step.observations, step.rewards, step.terminated, step.truncated, self._infos(step)

    def close_extras(self, **kwargs: Any) -> None:
        self.server.close()

    def _infos(self, step: Step) -> dict[str, Any]:
        """In Gymnasium's form: beside each entry a mask of the lanes that it holds for."""
        every = np.ones(self.num_envs, dtype=np.bool_)
        infos = self._masked(step, every)
        if len(step.final_observations) > 0:
            ended = step.terminated | step.truncated
            final = np.full(self.num_envs, None, dtype=object)
            for lane, observation in zip(np.flatnonzero(ended), step.final_observations, strict=True):
                final[lane] = observation
            infos |= {
                "final_obs": final,
                "_final_obs": ended,
                "final_info": self._masked(step, ended),
                "_final_info": ended,
            }
        return infos

    def _masked(self, step: Step, lanes: BoolArray) -> dict[str, Any]:
        infos: dict[str, Any] = {}
        for name, values in zip(self.handshake.terms, step.terms, strict=True):
            infos[name], infos[f"_{name}"] = values, lanes
        return infos
