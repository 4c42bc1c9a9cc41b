"""What an environment can be told, and the command line that says it to ``duoloop serve-env``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

PathLike = str | os.PathLike[str]


@dataclass(frozen=True, kw_only=True)
class EnvOptions:
    """Everything left out is as Duoloop's own training has it; ``duoloop serve-env --help`` gives the values."""

    app: PathLike = "frontend"
    """A shipped app model (frontend, teastore, boutique, boutique-moving) or the JSON file of your own."""
    traces: Sequence[PathLike] = field(default_factory=tuple)
    """Trace CSVs (``second,rps``) to draw episodes from, instead of synthetic traffic."""
    hold_out: float | None = None
    """Share of each trace, its last part, that is kept out of training."""
    interval_seconds: int | None = None
    """Simulated seconds of a step: the time between two decisions, a multiple of 15."""
    episode_steps: int | None = None
    """Steps after which an episode is truncated at the latest; its trace may end it earlier."""
    pool_seed: int | None = None
    """Seed of the pool of synthetic traffic. ``reset(seed=…)`` seeds what is drawn from it."""
    violation_weight: float | None = None
    """Price of an interval above the SLA, in nominal applications' worth of pods."""
    churn_weight: float | None = None
    """Price of a pod started or removed, in pods for one interval."""
    learns: Literal["both", "ranks", "set-points"] | None = None
    """The half of an action that takes effect; the other is ignored."""

    def arguments(self, lanes: int) -> list[str]:
        """The arguments of ``duoloop serve-env``."""
        if isinstance(self.traces, (str, os.PathLike)):
            raise TypeError("traces is a list of files; put the one file into a list")
        values: dict[str, object] = {
            "app": os.fspath(self.app),
            "lanes": lanes,
            "hold-out": self.hold_out,
            "interval": self.interval_seconds,
            "episode-steps": self.episode_steps,
            "pool-seed": self.pool_seed,
            "violation-weight": self.violation_weight,
            "churn-weight": self.churn_weight,
            "learns": self.learns,
        }
        arguments = [f"--{name}={value}" for name, value in values.items() if value is not None]
        if self.traces:
            # The only option of several values.
            arguments += ["--traces", *(os.fspath(trace) for trace in self.traces)]
        return arguments
