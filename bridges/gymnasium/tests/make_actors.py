"""Makes the actors that the import's tests read, by the real exporters, with what onnxruntime makes of them.

    python tests/make_actors.py tests/actors

It needs torch, onnx, onnxscript, onnxruntime, stable-baselines3 and, for the actor of RLlib, ray[rllib]. The files are
committed: run it when an exporter has changed, and look at what the tests then say.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.vec_env import VecNormalize
from torch import nn

from duoloop_gym import DuoloopEnv
from duoloop_gym.onnx import export_actor, export_rllib_actor
from duoloop_gym.sb3 import DuoloopVecEnv

SEED = 1
STEPS = 2048
ROWS = 8


class Logits(nn.Module):
    """An actor as somebody exports it by hand: observations scaled in PyTorch, then the policy's layers."""

    def __init__(self, policy: nn.Module, normalize: VecNormalize) -> None:
        super().__init__()
        self.policy = policy
        self.limit = normalize.clip_obs
        statistics = normalize.obs_rms
        self.register_buffer("mean", torch.tensor(statistics.mean, dtype=torch.float32))
        self.register_buffer("variance", torch.tensor(statistics.var, dtype=torch.float32))

    def forward(self, observation):
        scaled = (observation - self.mean) / torch.sqrt(self.variance + 1e-4)
        latent = self.policy.mlp_extractor.policy_net(torch.clamp(scaled, -self.limit, self.limit))
        return self.policy.action_net(latent)


class Heads(Logits):
    """An output for each head, as log-probabilities."""

    def forward(self, observation):
        rank, move = torch.split(super().forward(observation), [3, 7], dim=1)
        return torch.log_softmax(rank, dim=1), torch.log_softmax(move, dim=1)


class Documented(nn.Module):
    """The recipe of Stable-Baselines3's documentation: actions, values and log-probabilities."""

    def __init__(self, policy: nn.Module) -> None:
        super().__init__()
        self.policy = policy

    def forward(self, observation):
        return self.policy(observation, deterministic=True)


def trace(module: nn.Module, file: Path, *, dtype: torch.dtype = torch.float32) -> None:
    example = torch.zeros(1, 57, dtype=dtype)
    axes = {"observation": {0: "batch"}}
    torch.onnx.export(
        module, (example,), file, dynamo=False, opset_version=17, input_names=["observation"], dynamic_axes=axes
    )


def capture(module: nn.Module, file: Path, *, external_data: bool) -> None:
    torch.onnx.export(
        module,
        (torch.zeros(2, 57),),
        file,
        dynamo=True,
        input_names=["observation"],
        dynamic_shapes={"observation": {0: torch.export.Dim("batch")}},
        external_data=external_data,
        verbose=False,
    )
    forget_sources(file)


def forget_sources(file: Path) -> None:
    """Captured graphs carry the stack traces of whoever exported them."""
    model = onnx.load(file, load_external_data=False)
    for message in (model.graph, *model.graph.node, *model.graph.input, *model.graph.output, *model.graph.value_info):
        del message.metadata_props[:]
        message.doc_string = ""
    file.write_bytes(model.SerializeToString())


def train_rllib(file: Path) -> None:
    import ray
    from ray.rllib.algorithms.ppo import PPOConfig
    from ray.rllib.connectors.env_to_module import MeanStdFilter
    from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig
    from ray.tune.registry import register_env

    from duoloop_gym.rllib import make_env

    register_env("duoloop", make_env)

    config = (
        PPOConfig()
        .environment("duoloop")
        .env_runners(num_env_runners=0, env_to_module_connector=lambda *_args, **_options: MeanStdFilter())
        .rl_module(model_config=DefaultModelConfig(fcnet_hiddens=[8, 8], fcnet_activation="relu", vf_share_layers=True))
        .training(train_batch_size_per_learner=256, minibatch_size=64, num_epochs=1)
        .debugging(seed=SEED)
    )
    algorithm = config.build_algo()
    algorithm.train()
    env = DuoloopEnv()
    export_rllib_actor(algorithm, file, env)
    env.close()
    algorithm.stop()
    ray.shutdown()


def main(folder: Path) -> None:
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    env = VecNormalize(DuoloopVecEnv(16), gamma=0.97)
    ppo = PPO("MlpPolicy", env, n_steps=32, seed=SEED, device="cpu", policy_kwargs={"net_arch": [8, 8]})
    ppo.learn(STEPS)
    export_actor(ppo, folder / "sb3-ppo-normalized.onnx")
    ppo.policy.set_training_mode(False)
    by_hand = Logits(ppo.policy, env)
    trace(by_hand, folder / "torch-traced.onnx")
    capture(by_hand, folder / "torch-captured.onnx", external_data=False)
    capture(by_hand, folder / "refused-external-data.onnx", external_data=True)
    (folder / "refused-external-data.onnx.data").unlink()
    trace(Heads(ppo.policy, env), folder / "torch-heads.onnx")
    trace(nn.Sequential(nn.Linear(57, 6), nn.Sigmoid(), nn.Linear(6, 10)), folder / "torch-sigmoid.onnx")
    trace(Documented(ppo.policy), folder / "sb3-documented.onnx")
    trace(nn.Sequential(nn.Linear(57, 4), nn.LayerNorm(4), nn.Linear(4, 10)), folder / "refused-layer-norm.onnx")
    trace(nn.Sequential(nn.Linear(57, 4), nn.SiLU(), nn.Linear(4, 10)), folder / "refused-silu.onnx")
    trace(by_hand.double(), folder / "refused-float64.onnx", dtype=torch.float64)
    visited = env.unnormalize_obs(env.reset())[:ROWS]
    env.close()

    plain = DuoloopVecEnv(16)
    elu = {"net_arch": [8, 6, 4], "activation_fn": nn.ELU}
    a2c = A2C("MlpPolicy", plain, seed=SEED, device="cpu", policy_kwargs=elu).learn(STEPS)
    export_actor(a2c, folder / "sb3-a2c-elu.onnx")
    plain.close()

    if "--without-rllib" not in sys.argv:
        train_rllib(folder / "rllib-ppo-filtered.onnx")

    random = np.random.default_rng(SEED).normal(scale=2, size=(ROWS, visited.shape[1]))
    observations = np.concatenate([visited, random]).astype(np.float32)
    expected = {}
    for file in sorted(folder.glob("*.onnx")):
        if file.name.startswith("refused"):
            continue
        onnx.checker.check_model(onnx.load(file))
        session = onnxruntime.InferenceSession(str(file))
        outputs = session.run(None, {session.get_inputs()[0].name: observations})
        expected[file.stem] = [round_floats(output) for output in outputs]
    (folder / "expected.json").write_text(
        json.dumps({"observations": round_floats(observations), "outputs": expected}) + "\n"
    )


def round_floats(values: np.ndarray) -> object:
    """Nine digits are enough to tell every float32."""
    if np.issubdtype(values.dtype, np.integer):
        return values.tolist()
    return np.vectorize(lambda value: float(f"{value:.9g}"))(values).tolist()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
