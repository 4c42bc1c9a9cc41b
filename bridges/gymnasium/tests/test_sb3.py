"""Stable-Baselines3 trains on the environments unchanged."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("stable_baselines3")

import torch
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecMonitor

from duoloop_gym import DuoloopEnv, DuoloopVectorEnv
from duoloop_gym.sb3 import DuoloopVecEnv

LANES = 64


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_single_environment_passes_its_checker() -> None:
    env = DuoloopEnv("frontend", episode_steps=20)
    check_env(env)
    env.close()


def test_end_of_an_episode_is_told_as_its_algorithms_want_it() -> None:
    env = DuoloopVecEnv(3, "frontend", episode_steps=4)
    reference = DuoloopVectorEnv(3, "frontend", episode_steps=4)
    env.seed(5)
    np.testing.assert_array_equal(env.reset(), reference.reset(seed=5)[0])
    for step in range(1, 10):
        actions = np.random.default_rng(step).integers(env.action_space.nvec, size=(3, 2))
        observations, rewards, dones, infos = env.step(actions)
        expected, expected_rewards, _, truncations, expected_infos = reference.step(actions)
        np.testing.assert_array_equal(observations, expected)
        np.testing.assert_array_equal(rewards, expected_rewards)
        np.testing.assert_array_equal(dones, truncations)
        assert dones.all() == (step % 4 == 0)
        for lane, info in enumerate(infos):
            assert info["TimeLimit.truncated"] == dones[lane]
            assert ("terminal_observation" in info) == dones[lane]
            assert [info[term] for term in env.handshake.terms] == [
                expected_infos[t][lane] for t in env.handshake.terms
            ]
            if dones[lane]:
                np.testing.assert_array_equal(info["terminal_observation"], expected_infos["final_obs"][lane])
    # A seed counts for one reset; the next ones go on from it.
    once = env.reset()
    env.seed(5)
    env.reset()
    np.testing.assert_array_equal(env.reset(), once)
    env.close()
    reference.close()
    assert env.server.closed


def test_example_of_the_documentation_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    documentation = Path(__file__).resolve().parents[3] / "docs" / "gymnasium.md"
    blocks = re.findall(r"```python\n(.*?)```", documentation.read_text(encoding="utf-8"), re.DOTALL)
    (example,) = [block for block in blocks if "from stable_baselines3" in block]
    assert "learn(1_000_000)" in example
    monkeypatch.chdir(tmp_path)
    exec(
        compile(example.replace("1_000_000", "4_096").replace("verbose=1", "verbose=0"), str(documentation), "exec"), {}
    )
    assert (tmp_path / "ppo-frontend.zip").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("algorithm", "settings"),
    [
        (PPO, {"n_steps": 16, "batch_size": 512, "n_epochs": 4, "learning_rate": 1e-3}),
        (A2C, {"n_steps": 8, "learning_rate": 3e-3}),
    ],
)
def test_learns(algorithm: Any, settings: dict[str, Any]) -> None:
    """20,000 steps: at first random moves break the SLA most of the time, then hardly any more."""
    training = VecMonitor(
        DuoloopVecEnv(LANES, "frontend", episode_steps=240), info_keywords=("cost", "violation", "churn")
    )
    judging = DuoloopVecEnv(LANES, "frontend", episode_steps=240, pool_seed=2)
    model = algorithm("MlpPolicy", training, gamma=0.97, seed=1, device="cpu", **settings)

    def reward_per_step() -> float:
        judging.seed(99)
        mean, _ = evaluate_policy(model, VecMonitor(judging), n_eval_episodes=LANES, deterministic=False)
        return mean / 240

    before = reward_per_step()
    model.learn(20_000)
    after = reward_per_step()
    training.close()
    judging.close()
    assert len(model.ep_info_buffer) > 0 and {"r", "l", "violation"} <= model.ep_info_buffer[0].keys()
    assert before < -3
    assert after > before + 1
