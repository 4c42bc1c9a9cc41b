"""Trains an actor with RLlib's PPO on Duoloop's simulator, on one machine or on a Ray cluster, and exports it as ONNX.

    python bridges/gymnasium/examples/rllib_ppo.py --iterations 20 --out actor.onnx
    duoloop import-onnx actor.onnx --out runs/rllib

In a cluster it finds Ray by itself (`ray job submit`, or a RayJob: manifests/samples/rayjob.yaml).
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import ray
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig
from ray.tune.registry import register_env

from duoloop_gym import DuoloopEnv
from duoloop_gym.onnx import export_rllib_actor
from duoloop_gym.rllib import make_env

# An hour at 15 s, so that rewards are told before long.
EPISODE_STEPS = 240
REWARD_SCALE = 0.1


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--app", default="frontend", help="a shipped app model or its JSON file")
    parser.add_argument("--iterations", type=int, default=20, help="rounds of sampling and learning")
    parser.add_argument("--env-runners", type=int, default=0, help="processes that sample; 0: the learner itself does")
    parser.add_argument("--lanes", type=int, default=64, help="applications that each of them simulates at a time")
    parser.add_argument("--steps", type=int, default=32, help="decisions of each application per iteration")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("actor.onnx"), help="the actor as ONNX")
    return parser.parse_args()


def configure(arguments: argparse.Namespace) -> PPOConfig:
    batch = max(1, arguments.env_runners) * arguments.lanes * arguments.steps
    return (
        PPOConfig()
        .environment(
            "duoloop",
            env_config={"app": arguments.app, "episode_steps": EPISODE_STEPS, "reward_scale": REWARD_SCALE},
        )
        .env_runners(
            num_env_runners=arguments.env_runners,
            num_envs_per_env_runner=arguments.lanes,
            gym_env_vectorize_mode="vector_entry_point",
            rollout_fragment_length=arguments.steps,
        )
        .training(
            gamma=0.97,
            lambda_=0.9,
            lr=3e-4,
            clip_param=0.2,
            # RLlib's bound on the value's error is below what returns are at first.
            vf_clip_param=float("inf"),
            vf_loss_coeff=0.5,
            use_kl_loss=False,
            train_batch_size_per_learner=batch,
            minibatch_size=min(batch, 512),
            num_epochs=4,
        )
        .rl_module(model_config=DefaultModelConfig(fcnet_hiddens=[64, 64], fcnet_activation="tanh"))
        .debugging(seed=arguments.seed)
    )


def main() -> None:
    arguments = parse_arguments()
    ray.init(ignore_reinit_error=True)
    register_env("duoloop", make_env)
    algorithm = configure(arguments).build_algo()
    for iteration in range(1, arguments.iterations + 1):
        began = time.monotonic()
        runners = algorithm.train()["env_runners"]
        speed = runners["num_env_steps_sampled"] / (time.monotonic() - began)
        # Known when episodes have ended.
        episode_return = runners.get("episode_return_mean", math.nan)
        told = (
            ""
            if math.isnan(episode_return)
            else f", reward per step {episode_return / EPISODE_STEPS / REWARD_SCALE:.2f}"
        )
        print(f"iteration {iteration}: {speed:.0f} steps/s{told}", flush=True)
    env = DuoloopEnv(arguments.app)
    export_rllib_actor(algorithm, arguments.out, env)
    env.close()
    algorithm.stop()
    ray.shutdown()
    print(f"actor: {arguments.out}")


if __name__ == "__main__":
    main()
