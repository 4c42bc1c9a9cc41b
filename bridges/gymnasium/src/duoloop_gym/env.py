"""One simulated application as a ``gymnasium.Env``."""

from __future__ import annotations

from typing import Any, cast

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded

from duoloop_gym.command import Command
from duoloop_gym.options import EnvOptions, PathLike
from duoloop_gym.server import EnvServer, FloatArray

# Drawn for resets without a seed; small enough for every consumer of seeds.
SEED_LIMIT = 1 << 31


class DuoloopEnv(gymnasium.Env[FloatArray, np.ndarray[Any, np.dtype[np.int64]]]):
    """An application under load with Duoloop's reactive loop; the agent tunes that loop.

    The action is MultiDiscrete: which metric's rank to raise (0: none), and by how much to move the group's set-point.
    The reward is minus the sum of its terms ``cost``, ``violation`` and ``churn``, which ``info`` has by name. Episodes
    are truncated, never terminated. For more than one application at a time ``DuoloopVectorEnv`` is far faster.

    Args:
        app: a shipped app model (frontend, teastore, boutique, boutique-moving) or the JSON file of your own
        command: what starts Duoloop, where it is not found by itself
        options: the fields of ``EnvOptions``

    Raises:
        DuoloopError: Duoloop was not found, or refuses an option
    """

    metadata: dict[str, Any] = {"render_modes": []}

    def __init__(
        self,
        app: PathLike = "frontend",
        *,
        command: Command | None = None,
        render_mode: None = None,
        **options: Any,
    ) -> None:
        if render_mode is not None:
            raise ValueError(f"render_mode {render_mode!r}: there is nothing to render; leave it out")
        self.server = EnvServer(EnvOptions(app=app, **options), lanes=1, command=command)
        self.handshake = self.server.handshake
        self.observation_space = cast("gymnasium.Space[FloatArray]", self.handshake.observation_space())
        self.action_space = self.handshake.action_space()
        # The simulator has begun the next episode by the time that the end of one is told.
        self._next_observation: FloatArray | None = None
        self._running = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[FloatArray, dict[str, Any]]:
        """Begins an episode. With a seed all that follows is determined, further episodes included."""
        super().reset(seed=seed)
        following, self._next_observation = self._next_observation, None
        self._running = True
        if seed is None and following is not None:
            return following, {}
        drawn = int(self.np_random.integers(SEED_LIMIT)) if seed is None else seed
        return self.server.reset(drawn)[0], {}

    def step(self, action: Any) -> tuple[FloatArray, float, bool, bool, dict[str, Any]]:
        """Goes one decision interval. The last observation of an episode is returned with ``truncated``."""
        if not self._running:
            raise ResetNeeded("the episode is over, or none was begun: call reset first")
        self.server.send_step(action)
        step = self.server.receive_step()
        observation = step.observations[0]
        terminated, truncated = bool(step.terminated[0]), bool(step.truncated[0])
        if terminated or truncated:
            self._running = False
            self._next_observation, observation = observation, step.final_observations[0]
        info = dict(zip(self.handshake.terms, step.terms[:, 0].tolist(), strict=True))
        return observation, float(step.rewards[0]), terminated, truncated, info

    def close(self) -> None:
        self.server.close()
