"""Duoloop's simulated Kubernetes applications as Gymnasium environments.

Importing it registers ``duoloop/Frontend-v0``, ``duoloop/TeaStore-v0`` and ``duoloop/Boutique-v0``. The simulator is
Duoloop's own, run as a child process (``duoloop serve-env``), so a policy trained here has seen the very reactive loop
that the operator runs. ``duoloop_gym.sb3`` has the adapter for Stable-Baselines3.
"""

from gymnasium.envs.registration import register

from duoloop_gym.env import DuoloopEnv
from duoloop_gym.errors import DuoloopError, ServerError
from duoloop_gym.options import EnvOptions
from duoloop_gym.vector import DuoloopVectorEnv

__all__ = ["DuoloopEnv", "DuoloopError", "DuoloopVectorEnv", "EnvOptions", "ServerError"]
__version__ = "0.1.0"

for _name, _app in (("Frontend", "frontend"), ("TeaStore", "teastore"), ("Boutique", "boutique")):
    register(
        id=f"duoloop/{_name}-v0",
        entry_point="duoloop_gym.env:DuoloopEnv",
        vector_entry_point="duoloop_gym.vector:DuoloopVectorEnv",
        kwargs={"app": _app},
    )
