"""What the simulator says of itself before anything else."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces

from duoloop_gym.errors import ServerError

PROTOCOL = "duoloop-env"
VERSION = 1


@dataclass(frozen=True)
class Handshake:
    """The environment as ``training/env-server/protocol.ts`` describes it."""

    app: str
    lanes: int
    seconds_per_step: int
    episode_steps: int
    observation_names: tuple[str, ...]
    low: np.ndarray[Any, np.dtype[np.float32]]
    high: np.ndarray[Any, np.dtype[np.float32]]
    action_names: tuple[str, ...]
    choices: tuple[tuple[str, ...], ...]
    """What each choice of each head of the action is called."""
    terms: tuple[str, ...]
    """Names of the reward's terms; each is a cost, the reward is minus their sum."""

    def observation_space(self) -> spaces.Box:
        return spaces.Box(self.low, self.high, dtype=np.float32)

    def action_space(self) -> spaces.MultiDiscrete:
        return spaces.MultiDiscrete([len(choices) for choices in self.choices])


def parse_handshake(line: bytes) -> Handshake:
    """Raises ServerError for anything but the handshake of a version that this package understands."""
    try:
        value = json.loads(line)
        protocol, version = value["protocol"], value["version"]
    except (ValueError, KeyError, TypeError) as cause:
        raise ServerError(
            f"the command began with {line[:120]!r} instead of Duoloop's handshake; let DUOLOOP_COMMAND start Duoloop "
            "itself, with nothing that writes to standard output"
        ) from cause
    if (protocol, version) != (PROTOCOL, VERSION):
        raise ServerError(
            f"this Duoloop speaks {protocol} {version}, this package {PROTOCOL} {VERSION}; "
            "install versions that belong together"
        )
    if value["byteOrder"] != {"little": "LE", "big": "BE"}[sys.byteorder]:
        raise ServerError("Duoloop runs with another byte order than Python; run both on one machine")
    observations = value["observations"]

    def bounds(side: str, unbounded: float) -> np.ndarray[Any, np.dtype[np.float32]]:
        return np.array([unbounded if o[side] is None else o[side] for o in observations], dtype=np.float32)

    return Handshake(
        app=value["app"],
        lanes=value["lanes"],
        seconds_per_step=value["secondsPerStep"],
        episode_steps=value["episodeSteps"],
        observation_names=tuple(observation["name"] for observation in observations),
        low=bounds("low", -np.inf),
        high=bounds("high", np.inf),
        action_names=tuple(head["name"] for head in value["actions"]),
        choices=tuple(tuple(head["choices"]) for head in value["actions"]),
        terms=tuple(value["terms"]),
    )
