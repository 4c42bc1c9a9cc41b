"""Trained actors as ONNX files that ``duoloop import-onnx`` turns into checkpoints for Duoloop's agent.

The graph is built from the layers' weights, so it needs no tracing, is the same for every version of PyTorch, and holds
what an actor needs and nothing else. Before a file is left, it is run beside the model that it was made of.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from duoloop_gym.errors import DuoloopError
from duoloop_gym.handshake import Handshake

if TYPE_CHECKING:
    import torch
    from ray.rllib.algorithms.algorithm import Algorithm
    from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

FORMAT_VERSION = 1
OPSET = 17
IR_VERSION = 8
# Logits of float32 networks differ by less where sums are taken in another order.
TOLERANCE = 1e-4
CHECKED_OBSERVATIONS = 64

FloatArray = np.ndarray[Any, np.dtype[np.floating[Any]]]
Logits = Callable[["torch.Tensor"], Any]


class ExportError(DuoloopError):
    """The model is not one that Duoloop's agent could run."""


@dataclass(frozen=True)
class Scaling:
    """What was done to observations before the network saw them: (x - mean) / deviation, cut off at +-limit."""

    mean: FloatArray
    deviation: FloatArray
    limit: float | None


def export_actor(model: OnPolicyAlgorithm, path: str | os.PathLike[str], *, env: Any = None) -> None:
    """Writes the actor of a Stable-Baselines3 PPO or A2C model as ONNX.

    Running statistics of a ``VecNormalize`` around the environment go along, so the file takes raw observations.

    Args:
        model: trained with ``MlpPolicy`` on an environment of this package
        path: the file; its folder has to exist
        env: the environment that it was trained on, for a model that was loaded without one

    Raises:
        ExportError: another kind of policy, layers that Duoloop cannot run, or no environment of this package
    """
    from stable_baselines3.common.policies import ActorCriticPolicy
    from stable_baselines3.common.torch_layers import FlattenExtractor
    from stable_baselines3.common.vec_env import unwrap_vec_normalize

    policy: Any = model.policy
    if not isinstance(policy, ActorCriticPolicy) or not isinstance(policy.pi_features_extractor, FlattenExtractor):
        raise ExportError(f"{type(policy).__name__} is not a plain MlpPolicy; train PPO or A2C with 'MlpPolicy'")
    source = env if env is not None else model.get_env()
    normalize = None if source is None else unwrap_vec_normalize(source)
    scaling = None
    if normalize is not None and normalize.norm_obs:
        statistics: Any = normalize.obs_rms
        scaling = Scaling(statistics.mean, np.sqrt(statistics.var + normalize.epsilon), normalize.clip_obs)

    def logits(observations: torch.Tensor) -> Any:
        features: Any = policy.extract_features(observations.to(policy.device), policy.pi_features_extractor)
        return policy.action_net(policy.mlp_extractor.forward_actor(features))

    modules = [policy.mlp_extractor.policy_net, policy.action_net]
    trained_by = f"stable-baselines3 {_version('stable_baselines3')} {type(model).__name__}"
    _write(path, modules, logits, scaling, _handshake_of(source), trained_by)


def export_rllib_actor(
    algorithm: Algorithm, path: str | os.PathLike[str], env: Any, *, module_id: str = "default_policy"
) -> None:
    """Writes the actor of an RLlib PPO algorithm (new API stack, PyTorch) as ONNX.

    The state of a ``MeanStdFilter`` in its env-to-module connectors goes along.

    Args:
        algorithm: trained with the default module on an environment of this package
        path: the file; its folder has to exist
        env: an environment like those that it was trained on; it is asked what its observations and actions are called
        module_id: which of the algorithm's modules

    Raises:
        ExportError: another kind of module, layers that Duoloop cannot run, or no environment of this package
    """
    module: Any = algorithm.get_module(module_id)
    if not hasattr(module, "encoder") or not hasattr(module, "pi"):
        raise ExportError(f"{type(module).__name__} has no encoder and policy head; train PPO with its default module")
    encoder = getattr(module.encoder, "actor_encoder", None) or getattr(module.encoder, "encoder", None)

    def logits(observations: torch.Tensor) -> Any:
        device = next(module.parameters()).device
        return module.forward_inference({"obs": observations.to(device)})["action_dist_inputs"]

    trained_by = f"ray {_version('ray')} {type(algorithm).__name__}"
    _write(path, [encoder, module.pi], logits, _mean_std_filter(algorithm), _handshake_of(env), trained_by)


def _write(
    path: str | os.PathLike[str],
    modules: Iterable[Any],
    logits: Logits,
    scaling: Scaling | None,
    handshake: Handshake,
    trained_by: str,
) -> None:
    width = len(handshake.observation_names)
    graph = _Graph(width)
    if scaling is not None:
        graph.scale(scaling)
    for module in modules:
        graph.append(module)
    choices = sum(len(head) for head in handshake.choices)
    if graph.width != choices:
        raise ExportError(f"the actor has {graph.width} outputs, the environment's action has {choices} choices")
    model = graph.model(
        {
            "duoloop.format": str(FORMAT_VERSION),
            "duoloop.app": handshake.app,
            "duoloop.interval_seconds": str(handshake.seconds_per_step),
            "duoloop.observation_names": json.dumps(handshake.observation_names),
            "duoloop.action_heads": json.dumps(
                [
                    {"name": name, "choices": choices}
                    for name, choices in zip(handshake.action_names, handshake.choices, strict=True)
                ]
            ),
            "duoloop.trained_by": trained_by,
        }
    )
    _check_agreement(model, logits, scaling, width)
    target = Path(path)
    fresh = target.with_name(f".{target.name}.new-{os.getpid()}")
    fresh.write_bytes(model.SerializeToString())
    fresh.replace(target)


class _Graph:
    """Nodes one after the other, from ``observation`` to ``logits``."""

    def __init__(self, width: int) -> None:
        self.inputs = width
        self.width = width
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.last = "observation"

    def scale(self, scaling: Scaling) -> None:
        self._node("Sub", self._weight("mean", scaling.mean))
        self._node("Div", self._weight("deviation", scaling.deviation))
        if scaling.limit is not None:
            self._node("Clip", self._weight("low", -scaling.limit), self._weight("high", scaling.limit))

    def append(self, module: Any) -> None:
        from torch import nn

        activations = {nn.Tanh: "Tanh", nn.ReLU: "Relu", nn.ELU: "Elu", nn.Sigmoid: "Sigmoid"}
        parts = list(module.children()) if module is not None else []
        if isinstance(module, nn.Linear):
            if module.in_features != self.width:
                raise ExportError(f"a layer takes {module.in_features} numbers where {self.width} are given")
            number = len(self.nodes)
            bias = [] if module.bias is None else [self._weight(f"bias{number}", _numpy(module.bias))]
            self._node("Gemm", self._weight(f"weight{number}", _numpy(module.weight)), *bias, transB=1)
            # Stable-Baselines3 computes it in NumPy.
            self.width = int(module.out_features)
        elif type(module) in activations and getattr(module, "alpha", 1.0) == 1.0:
            self._node(activations[type(module)])
        elif parts:
            for part in parts:
                self.append(part)
        elif not isinstance(module, (nn.Flatten, nn.Identity)):
            raise ExportError(
                f"{module} is not a layer that Duoloop runs: use Linear with Tanh, ReLU, ELU (alpha 1) or Sigmoid"
            )

    def model(self, metadata: dict[str, str]) -> onnx.ModelProto:
        from duoloop_gym import __version__

        self.nodes[-1].output[0] = "logits"
        graph = helper.make_graph(
            self.nodes,
            "actor",
            [helper.make_tensor_value_info("observation", TensorProto.FLOAT, ["batch", self.inputs])],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", self.width])],
            self.weights,
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="duoloop_gym",
            producer_version=__version__,
        )
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model, full_check=True)
        return model

    def _node(self, operator: str, *weights: str, **attributes: Any) -> None:
        output = f"{operator.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, [self.last, *weights], [output], output, **attributes))
        self.last = output

    def _weight(self, name: str, values: Any) -> str:
        self.weights.append(numpy_helper.from_array(np.asarray(values, dtype=np.float32), name))
        return name


def _check_agreement(model: onnx.ModelProto, logits: Logits, scaling: Scaling | None, width: int) -> None:
    """A policy whose forward pass is not its layers one after the other would be exported wrongly."""
    import torch

    raw = np.random.default_rng(0).standard_normal((CHECKED_OBSERVATIONS, width))
    seen = raw
    if scaling is not None:
        raw = raw * scaling.deviation + scaling.mean
        seen = (raw.astype(np.float32) - scaling.mean) / scaling.deviation
        seen = seen if scaling.limit is None else np.clip(seen, -scaling.limit, scaling.limit)
    with torch.no_grad():
        expected = logits(torch.as_tensor(seen, dtype=torch.float32)).cpu().numpy()
    (written,) = ReferenceEvaluator(model).run(None, {"observation": raw.astype(np.float32)})
    difference = float(np.abs(written - expected).max())
    if not difference <= TOLERANCE:
        raise ExportError(f"the policy computes more than its layers: logits differ by up to {difference:.3g}")


def _handshake_of(env: Any) -> Handshake:
    """Of an environment of this package, however it is wrapped."""
    for candidate in (env, getattr(env, "unwrapped", None), *_attributes(env)):
        handshake = getattr(candidate, "handshake", candidate)
        if isinstance(handshake, Handshake):
            return handshake
    raise ExportError(
        "the model has no environment of this package, which knows what observations and actions mean; "
        "give env=DuoloopEnv(app=...)"
    )


def _attributes(env: Any) -> list[Any]:
    """What Stable-Baselines3's vector environments say of the environments in them."""
    try:
        return list(env.get_attr("handshake"))
    except AttributeError:
        return []


def _mean_std_filter(algorithm: Any) -> Scaling | None:
    from ray.rllib.connectors.env_to_module.mean_std_filter import MeanStdFilter
    from ray.rllib.utils.filter import RunningStat
    from ray.rllib.utils.numpy import SMALL_NUMBER

    runner = algorithm.env_runner
    found = [connector for connector in runner._env_to_module.connectors if isinstance(connector, MeanStdFilter)]
    if not found:
        return None
    (state,) = found[0].get_state().values()
    (statistics,) = state["running_stats"]
    running = cast(Any, RunningStat).from_state(statistics)
    return Scaling(
        np.asarray(running.mean, dtype=np.float64),
        np.asarray(running.std, dtype=np.float64) + SMALL_NUMBER,
        state["clip_by_value"],
    )


def _numpy(parameter: torch.Tensor) -> FloatArray:
    return parameter.detach().cpu().numpy()


def _version(package: str) -> str:
    from importlib.metadata import version

    return version(package.replace("_", "-"))
