"""What RLlib is given: autoreset on the next step. RLlib itself is not needed for it."""

from __future__ import annotations

import numpy as np
from gymnasium.vector import AutoresetMode

from duoloop_gym import DuoloopEnv, DuoloopVectorEnv
from duoloop_gym.rllib import NextStepVectorEnv, make_env

LANES, EPISODE_STEPS = 3, 5


def test_ended_lanes_hold_for_a_step_and_begin_anew() -> None:
    config = {"app": "frontend", "episode_steps": EPISODE_STEPS, "reward_scale": 0.5, "num_envs": LANES}
    env = make_env(config)
    assert isinstance(env, NextStepVectorEnv)
    assert env.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP
    reference = DuoloopVectorEnv(LANES, "frontend", episode_steps=EPISODE_STEPS)
    np.testing.assert_array_equal(env.reset(seed=4)[0], reference.reset(seed=4)[0])
    hold = [0, len(reference.handshake.choices[1]) - 1]
    begun = np.zeros(LANES, dtype=bool)
    endings = 0
    for step in range(3 * EPISODE_STEPS):
        actions = np.random.default_rng(step).integers(env.single_action_space.nvec, size=(LANES, 2))
        observations, rewards, terminated, truncated, infos = env.step(actions)
        plain = reference.step(np.where(begun[:, None], hold, actions))
        expected, expected_rewards, _, expected_truncated, expected_infos = plain
        np.testing.assert_array_equal(truncated, expected_truncated)
        np.testing.assert_array_equal(rewards, np.where(begun, 0, expected_rewards / 2))
        assert rewards.dtype == np.float32 and not terminated.any() and "final_obs" not in infos
        for lane in range(LANES):
            ended = truncated[lane]
            np.testing.assert_array_equal(
                observations[lane], expected_infos["final_obs"][lane] if ended else expected[lane]
            )
            assert not (ended and begun[lane])
        endings += int(truncated.sum())
        begun = truncated
    assert endings >= 2 * LANES
    env.close()
    reference.close()


def test_single_environment_has_scaled_rewards(env: DuoloopEnv) -> None:
    scaled = make_env({"app": "frontend", "episode_steps": 12, "reward_scale": 0.25})
    np.testing.assert_array_equal(scaled.reset(seed=2)[0], env.reset(seed=2)[0])
    assert scaled.step([0, 2])[1] == 0.25 * env.step([0, 2])[1]
    scaled.close()
