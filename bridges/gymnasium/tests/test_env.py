"""One application as a gymnasium.Env."""

from __future__ import annotations

import warnings

import gymnasium
import numpy as np
import pytest
from conftest import EPISODE_STEPS
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env

import duoloop_gym
from duoloop_gym import DuoloopEnv

HOLD = np.array([0, 6])


@pytest.mark.parametrize("name", ["Frontend", "TeaStore", "Boutique"])
def test_registered_environments_pass_the_checker(name: str) -> None:
    made = gymnasium.make(f"duoloop/{name}-v0", episode_steps=EPISODE_STEPS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Logarithms of ratios of loads have no bounds, of which the checker warns.
        warnings.filterwarnings("ignore", message=".*Box observation space (minimum|maximum) value is.*infinity")
        check_env(made.unwrapped)
    made.close()


def test_spaces_are_those_of_the_app_model(env: DuoloopEnv) -> None:
    assert env.handshake.action_names == ("raiseRank", "moveSetPoint")
    assert env.handshake.choices == (("none", "p95", "cpu"), ("-2", "-1", "0", "+1", "+2", "+4", "hold"))
    assert env.action_space.nvec.tolist() == [3, 7]
    assert env.observation_space.dtype == np.float32
    assert env.observation_space.shape == (len(env.handshake.observation_names),)
    rank = env.handshake.observation_names.index("cpu.rank")
    assert (env.observation_space.low[rank], env.observation_space.high[rank]) == (0, 1)


def test_episode_is_truncated_and_never_terminated(env: DuoloopEnv) -> None:
    first, _ = env.reset(seed=1)
    for step in range(1, EPISODE_STEPS + 1):
        observation, _, terminated, truncated, _ = env.step(HOLD)
        assert observation in env.observation_space
        assert (terminated, truncated) == (False, step == EPISODE_STEPS)
    with pytest.raises(ResetNeeded):
        env.step(HOLD)
    following, _ = env.reset()
    # Neither the last observation of the episode before, nor the same episode again.
    assert not np.array_equal(following, observation)
    assert not np.array_equal(following, first)


def test_seed_determines_also_the_episodes_that_follow(env: DuoloopEnv) -> None:
    def play(seed: int) -> list[np.ndarray]:
        seen = [env.reset(seed=seed)[0]]
        for episode in range(3):
            for _ in range(EPISODE_STEPS if episode < 2 else 5):
                seen.append(env.step(HOLD)[0])
            # After the second episode, one that is left in its midst.
            seen.append(env.reset()[0])
        return seen

    one, again, other = play(7), play(7), play(8)
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_reward_is_minus_the_sum_of_its_terms(env: DuoloopEnv) -> None:
    env.reset(seed=5)
    moved = 0.0
    for step in range(EPISODE_STEPS):
        _, reward, _, _, info = env.step(np.array([0, step % 6]))
        assert set(info) == {"cost", "violation", "churn"}
        assert reward == pytest.approx(-sum(info.values()), rel=1e-5)
        moved += info["churn"]
    assert moved > 0


def test_action_that_is_none_is_refused_and_the_episode_goes_on(env: DuoloopEnv) -> None:
    env.reset(seed=1)
    for action in ([3, 0], [0, 7], [-1, 0]):
        with pytest.raises(
            ValueError, match=r"action -?\d of lane 0 for (raiseRank|moveSetPoint): its choices are 0 to"
        ):
            env.step(np.array(action))
    for action in ([0], [0.5, 1.0], [[0, 0], [0, 0]]):
        with pytest.raises(ValueError, match="integers of shape"):
            env.step(np.array(action))
    after_refusals = env.step(HOLD)[0]
    env.reset(seed=1)
    np.testing.assert_array_equal(after_refusals, env.step(HOLD)[0])


def test_seed_out_of_range_is_refused(env: DuoloopEnv) -> None:
    with pytest.raises(ValueError, match="seed 4294967296"):
        env.reset(seed=1 << 32)


def test_options_reach_the_simulator() -> None:
    made = DuoloopEnv("frontend", interval_seconds=60, episode_steps=5, violation_weight=0, churn_weight=0)
    assert (made.handshake.seconds_per_step, made.handshake.episode_steps) == (60, 5)
    made.reset(seed=3)
    _, reward, _, _, info = made.step(np.array([0, 5]))
    assert (info["violation"], info["churn"]) == (0, 0)
    assert reward == -info["cost"] < 0
    made.close()
    assert duoloop_gym.EnvOptions(traces=["a.csv", "b.csv"]).arguments(2)[-3:] == ["--traces", "a.csv", "b.csv"]
    with pytest.raises(TypeError, match="list of files"):
        DuoloopEnv(traces="a.csv")
    with pytest.raises(ValueError, match="render_mode"):
        DuoloopEnv(render_mode="human")  # type: ignore[arg-type]
