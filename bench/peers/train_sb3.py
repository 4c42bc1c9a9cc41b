"""Stable-Baselines3 PPO and A2C on FrontendScalingEnv: speed, and how soon which score on the held-out traces."""

import math
import time
from dataclasses import dataclass, field

import numpy as np
import torch
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from frontend_env import FrontendScalingEnv, Workloads

# Stable-Baselines3's defaults, but for the discount, which is ours.
ALGORITHMS = {"ppo": PPO, "a2c": A2C}

# Networks this small gain nothing from a second thread, and lose much where the cores are shared.
torch.set_num_threads(1)


def create_model(algorithm: str, workloads: Workloads, environments: int, seed: int):
    """Normalised observations and rewards, as SB3's documentation recommends and as ours does."""
    gamma = workloads.settings["discount"]
    makers = [lambda i=i: FrontendScalingEnv(workloads, seed=seed * 1000 + i) for i in range(environments)]
    env = VecNormalize(DummyVecEnv(makers), gamma=gamma)
    return ALGORITHMS[algorithm]("MlpPolicy", env, gamma=gamma, seed=seed, device="cpu", verbose=0)


def measure_speed(algorithm: str, workloads: Workloads, environments: int, steps: int, repeats: int) -> dict:
    """Environment steps per second, rollout and update, after one rollout of warm-up."""
    model = create_model(algorithm, workloads, environments, seed=0)
    rollout = model.n_steps * environments
    model.learn(rollout)
    samples = []
    for _ in range(repeats):
        before, start = model.num_timesteps, time.perf_counter()
        model.learn(max(rollout, steps), reset_num_timesteps=False)
        samples.append((model.num_timesteps - before) / (time.perf_counter() - start))
    return {
        "algorithm": algorithm,
        "environments": environments,
        "unit": "env-steps/s",
        "median": float(np.median(samples)),
        "samples": samples,
    }


def validate(model, workloads: Workloads) -> dict:
    """The likeliest moves on every held-out trace from beginning to end; means over the traces, as `duoloop compare` has them."""
    settings = workloads.settings
    envs = [FrontendScalingEnv(workloads, seed=0) for _ in workloads.held_out]
    observations = np.stack(
        [env.reset(options={"loads": loads})[0] for env, loads in zip(envs, workloads.held_out)]
    )
    decisions = len(workloads.held_out[0]) // envs[0].ticks
    violations, pods = np.zeros(len(envs)), np.zeros(len(envs))
    for _ in range(decisions):
        actions, _ = model.predict(model.get_env().normalize_obs(observations), deterministic=True)
        for i, env in enumerate(envs):
            observations[i] = env.step(int(actions[i]))[0]
            violations[i] += env.simulation.violation_ticks
            pods[i] += env.simulation.pod_ticks
    ticks = decisions * envs[0].ticks
    violation_percent, replicas = float(100 * violations.mean() / ticks), float(pods.mean() / ticks)
    score = -replicas / settings["nominalPods"] - settings["scoreViolationWeight"] * violation_percent / 100
    return {"violationPercent": violation_percent, "meanReplicas": replicas, "score": score}


@dataclass
class Race:
    """What training has reached, and when. `trainingSeconds` leaves validation out."""

    target_score: float | None
    baselines: list[dict]
    curve: list[dict] = field(default_factory=list)

    def reached(self, ahead) -> dict | None:
        return next((point for point in self.curve if ahead(point)), None)

    def result(self) -> dict:
        def beats(baseline: dict):
            return lambda point: (
                point["violationPercent"] <= baseline["violationPercent"]
                and point["meanReplicas"] < baseline["meanReplicas"]
            )

        result = {
            "curve": self.curve,
            "best": max(self.curve, key=lambda point: point["score"], default=None),
            "beats": {baseline["policy"]: self.reached(beats(baseline)) for baseline in self.baselines},
        }
        if self.target_score is not None:
            result["targetScore"] = self.target_score
            result["reachedTarget"] = self.reached(lambda point: point["score"] >= self.target_score)
        return result

    def is_over(self) -> bool:
        result = self.result()
        target = result.get("reachedTarget") if self.target_score is not None else True
        return bool(target) and all(result["beats"].values())


class ValidateEvery(BaseCallback):
    """Validates every `steps` environment steps and ends training once the race is over or its time is up."""

    def __init__(self, workloads: Workloads, race: Race, steps: int, seconds: float) -> None:
        super().__init__()
        self.workloads, self.race, self.steps, self.seconds = workloads, race, steps, seconds
        self.next_step = steps
        self.validation_seconds = 0.0

    def _on_training_start(self) -> None:
        self.start = time.perf_counter()

    def _on_step(self) -> bool:
        if self.num_timesteps < self.next_step:
            return True
        self.next_step += self.steps
        elapsed = time.perf_counter() - self.start - self.validation_seconds
        before = time.perf_counter()
        point = {"environmentSteps": self.num_timesteps, "trainingSeconds": elapsed, **validate(self.model, self.workloads)}
        self.validation_seconds += time.perf_counter() - before
        self.race.curve.append(point)
        return elapsed < self.seconds and not self.race.is_over()


def train(algorithm: str, workloads: Workloads, arguments, seed: int) -> dict:
    """Trains until the race is over, or for the steps or seconds allowed."""
    race = Race(arguments.target_score, workloads.settings["baselines"])
    callback = ValidateEvery(workloads, race, arguments.validate_every, arguments.seconds or math.inf)
    create_model(algorithm, workloads, arguments.environments, seed).learn(arguments.steps, callback=callback)
    return {"algorithm": algorithm, "environments": arguments.environments, "seed": seed, **race.result()}
