"""Exports actors that Stable-Baselines3 has just trained; onnx.test.ts runs it and imports what it leaves."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.vec_env import VecMonitor, VecNormalize
from torch import nn

from duoloop_gym.onnx import ExportError, export_actor
from duoloop_gym.sb3 import DuoloopVecEnv

STEPS = 4096
FOLDER = Path(os.environ["DUOLOOP_EXPORTS"])


@pytest.fixture(scope="module")
def env() -> Iterator[DuoloopVecEnv]:
    torch.set_num_threads(1)
    made = DuoloopVecEnv(64, "frontend")
    yield made
    made.close()


def leave(model: Any, name: str, observations: np.ndarray[Any, Any], seen: np.ndarray[Any, Any]) -> None:
    """The file, and the logits that the model's own distribution has for these raw observations as it sees them."""
    export_actor(model, FOLDER / f"{name}.onnx")
    with torch.no_grad():
        heads = model.policy.get_distribution(torch.as_tensor(seen)).distribution
    expected = {
        "observations": observations.tolist(),
        # Log-probabilities: PyTorch normalises the logits that it is given.
        "scores": np.concatenate([head.logits.numpy() for head in heads], axis=1).tolist(),
    }
    (FOLDER / f"{name}.json").write_text(json.dumps(expected), encoding="utf-8")


def test_ppo_on_normalized_observations(env: DuoloopVecEnv) -> None:
    normalized = VecNormalize(VecMonitor(env), gamma=0.97)
    model = PPO("MlpPolicy", normalized, n_steps=32, batch_size=512, n_epochs=4, gamma=0.97, seed=1, device="cpu")
    model.learn(STEPS)
    normalized.training = False
    raw = env.reset()
    leave(model, "ppo", raw, normalized.normalize_obs(raw))


def test_a2c_with_other_layers(env: DuoloopVecEnv) -> None:
    layers = {"net_arch": {"pi": [24, 16, 8], "vf": [32]}, "activation_fn": nn.ReLU}
    model = A2C("MlpPolicy", env, n_steps=16, seed=1, device="cpu", policy_kwargs=layers).learn(STEPS)
    raw = env.reset()
    leave(model, "a2c", raw, raw)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"policy_kwargs": {"activation_fn": nn.LeakyReLU}}, "LeakyReLU.* is not a layer that Duoloop runs"),
        ({"policy_kwargs": {"activation_fn": nn.SiLU}}, "SiLU"),
    ],
)
def test_layers_that_duoloop_does_not_run_are_refused(env: DuoloopVecEnv, changes: dict[str, Any], reason: str) -> None:
    model = PPO("MlpPolicy", env, **changes)
    with pytest.raises(ExportError, match=reason):
        export_actor(model, FOLDER / "refused.onnx")
    assert not (FOLDER / "refused.onnx").exists()


def test_policy_that_computes_more_than_its_layers_is_refused(env: DuoloopVecEnv) -> None:
    model = PPO("MlpPolicy", env)
    forward = model.policy.mlp_extractor.forward_actor
    model.policy.mlp_extractor.forward_actor = lambda features: 2 * forward(features)
    with pytest.raises(ExportError, match="computes more than its layers"):
        export_actor(model, FOLDER / "refused.onnx")


def test_model_without_its_environment_needs_one() -> None:
    import gymnasium

    class Other(gymnasium.Env[Any, Any]):
        observation_space = gymnasium.spaces.Box(-1, 1, (57,), np.float32)
        action_space = gymnasium.spaces.MultiDiscrete([3, 7])

    with pytest.raises(ExportError, match="env=DuoloopEnv"):
        export_actor(PPO("MlpPolicy", Other()), FOLDER / "refused.onnx")
