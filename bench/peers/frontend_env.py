"""The measured frontend as a Gymnasium environment: the rules of env/simulator for one application, in plain Python.

A plain loop over Python numbers beats numpy at this size (one application, a handful of numbers a tick).
"""

import json
import math
from pathlib import Path

import gymnasium as gym
import numpy as np

from surface import NO_POD_P95_MILLISECONDS, Curve, read_curves

LEVEL_SECONDS = (60, 300, 1800)
PEAK_SECONDS = (300, 1800)
TREND_SECONDS = (45, 150, 600)
CAPACITY_SECONDS = 20


def read_trace(file: Path, tick_seconds: int) -> np.ndarray:
    """Load at the start of each tick, requests/s, as `loadPerTick` gives it."""
    rows = np.loadtxt(file, delimiter=",", skiprows=1)
    ticks = np.arange(math.ceil(rows[-1, 0] / tick_seconds - 1e-9)) * tick_seconds
    loads = rows[np.searchsorted(rows[:, 0], ticks, side="right") - 1, 1]
    return loads.astype(np.float32).astype(np.float64)


class Workloads:
    """What bench/export-workloads.ts wrote."""

    def __init__(self, folder: Path, app_file: Path) -> None:
        self.settings = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
        tick = self.settings["tickSeconds"]
        self.training = [read_trace(file, tick) for file in sorted((folder / "train").glob("*.csv"))]
        self.held_out = [read_trace(file, tick) for file in sorted((folder / "held-out").glob("*.csv"))]
        self.check_file = folder / "check.csv"
        self.curves = read_curves(str(app_file))


class Simulation:
    """One application, tick by tick: start_tick, observe, scale_to, serve."""

    def __init__(self, curves: list[Curve], settings: dict) -> None:
        self.curves = curves
        self.cold_ticks = math.ceil(settings["coldStartSeconds"] / settings["tickSeconds"])
        self.lag_ticks = max(1, math.ceil(settings["metricLagSeconds"] / settings["tickSeconds"]))
        self.sla = settings["slaP95Milliseconds"]
        self.lowest, self.highest = settings["minReplicas"], settings["maxReplicas"]

    def reset(self, replicas: int) -> None:
        self.tick = 0
        self.desired = self.ready = replicas
        self.starting: dict[int, int] = {}  # pods by the tick at which they become ready
        self.history: list[tuple[float, float, float, int]] = []  # load, p95, cpu, ready of each tick
        self.clear_totals()

    def clear_totals(self) -> None:
        self.pod_ticks = self.violation_ticks = self.pod_changes = 0
        self.violation_depth = 0.0

    def start_tick(self) -> None:
        self.ready += self.starting.pop(self.tick, 0)

    def observe(self) -> tuple[float, float, float, int] | None:
        """Load, p95, CPU and ready pods as monitoring shows them now; None before the first tick."""
        return self.history[max(0, self.tick - self.lag_ticks)] if self.tick > 0 else None

    def scale_to(self, wanted: int) -> None:
        target = min(self.highest, max(self.lowest, wanted))
        change = target - self.desired
        if change > 0:
            due = self.tick + self.cold_ticks
            self.starting[due] = self.starting.get(due, 0) + change
        elif change < 0:
            self._remove(-change)
        self.desired = target
        self.pod_changes += abs(change)

    def _remove(self, count: int) -> None:
        """Pending pods leave first, the youngest first."""
        for due in sorted(self.starting, reverse=True):
            taken = min(count, self.starting[due])
            self.starting[due] -= taken
            count -= taken
        self.ready -= count

    def serve(self, load: float) -> None:
        p95, cpu = NO_POD_P95_MILLISECONDS, 0.0
        if self.ready > 0:
            p95, cpu, _ = self.curves[self.ready - 1].at(load)
        self.history.append((load, p95, cpu, self.ready))
        excess = p95 / self.sla - 1
        if excess > 0:
            self.violation_ticks += 1
            self.violation_depth += min(1.0, excess)
        self.pod_ticks += self.desired
        self.tick += 1


class Observer:
    """Features comparable to env/observation: load and its history, demand at each move, pods, CPU, p95, capacity."""

    def __init__(self, curves: list[Curve], settings: dict) -> None:
        self.curves = curves
        self.log_capacities = [math.log(capacity + 1) for capacity in settings["capacities"]]
        self.moves = settings["moves"]
        self.sla = settings["slaP95Milliseconds"]
        self.interval = settings["intervalSeconds"]
        self.horizon = self.interval + settings["coldStartSeconds"] + settings["metricLagSeconds"]
        self.nominal_load = settings["nominalLoad"]
        self.highest = settings["maxReplicas"]
        decay = lambda seconds: math.exp(-self.interval / seconds)  # noqa: E731
        self.level_decays = [decay(seconds) for seconds in LEVEL_SECONDS]
        self.peak_decays = [decay(seconds) for seconds in PEAK_SECONDS]
        self.trend_decays = [decay(seconds) for seconds in TREND_SECONDS]
        self.capacity_decay = decay(CAPACITY_SECONDS)
        self.size = len(self.observe(None, 1, 1, first=True))

    def observe(self, seen: tuple | None, ready: int, desired: int, first: bool = False) -> np.ndarray:
        if first:
            self.started = False
            self.load, self.p95, self.cpu, self.capacity = self.nominal_load, self.sla, 0.0, 1.0
            self.desired, self.since_change = desired, 0.0
        if seen is not None:
            self._learn(*seen)
        if not self.started:
            self.levels = [self.load] * len(LEVEL_SECONDS)
            self.peaks = [self.load] * len(PEAK_SECONDS)
            self.trends = [(self.load, 0.0)] * len(TREND_SECONDS)
            self.started = seen is not None
        self.since_change = 0.0 if desired != self.desired else self.since_change + self.interval
        self.desired = desired
        log_load = math.log(self.load + 1)
        log_p95 = math.log(self.p95 / self.sla + 1e-3)
        expected = [math.log(max(0.0, level + slope * self.horizon) + 1) for level, slope in self.trends]
        demand = [log_load - self._log_capacity(desired + move) for move in self.moves]
        forecast = [max(expected) - self._log_capacity(desired + move) for move in self.moves]
        return np.array(
            [
                log_load - math.log(self.nominal_load + 1),
                *(log_load - math.log(level + 1) for level in self.levels),
                *(math.log(peak + 1) - log_load for peak in self.peaks),
                *(value - log_load for value in expected),
                *demand,
                *forecast,
                log_load - self._log_capacity(ready),
                math.log2(desired),
                desired / self.highest,
                ready / self.highest,
                (desired - ready) / desired,
                math.exp(-self.since_change / 180),
                self.cpu / 100,
                min(2.0, max(-2.0, log_p95)),
                math.log(self.capacity),
            ],
            dtype=np.float32,
        )

    def _log_capacity(self, replicas: int) -> float:
        return self.log_capacities[min(self.highest, max(1, replicas)) - 1] + math.log(self.capacity)

    def _learn(self, load: float, p95: float, cpu: float, ready: int) -> None:
        if not self.started:
            self.levels, self.peaks = [load] * len(LEVEL_SECONDS), [load] * len(PEAK_SECONDS)
            self.trends = [(load, 0.0)] * len(TREND_SECONDS)
            self.started = True
        self.load, self.p95, self.cpu = load, p95, cpu
        if cpu > 0 and ready > 0:
            expected = self.curves[ready - 1].at(load / self.capacity)[1]
            estimate = min(5.0, max(0.2, self.capacity * expected / cpu))
            self.capacity = estimate + self.capacity_decay * (self.capacity - estimate)
        self.levels = [load + d * (level - load) for d, level in zip(self.level_decays, self.levels)]
        self.peaks = [max(load, load + d * (peak - load)) for d, peak in zip(self.peak_decays, self.peaks)]
        trends = []
        for decay, (level, slope) in zip(self.trend_decays, self.trends):
            smoothed = load + decay * (level + slope * self.interval - load)
            change = (smoothed - level) / self.interval
            trends.append((smoothed, change + decay * (slope - change)))
        self.trends = trends


class FrontendScalingEnv(gym.Env):
    """Moves the replicas every decision interval. Episodes end only with their trace (truncation)."""

    def __init__(self, workloads: Workloads, seed: int) -> None:
        self.settings = workloads.settings
        self.traces = workloads.training
        self.simulation = Simulation(workloads.curves, self.settings)
        self.observer = Observer(workloads.curves, self.settings)
        self.ticks = self.settings["intervalSeconds"] // self.settings["tickSeconds"]
        self.random = np.random.default_rng(seed)
        self.action_space = gym.spaces.Discrete(len(self.settings["moves"]))
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (self.observer.size,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[np.ndarray, dict]:
        if seed is not None:
            self.random = np.random.default_rng(seed)
        if options and "loads" in options:
            loads, replicas = options["loads"], options.get("replicas")
        else:
            low, high = self.settings["loadScale"]
            trace = self.traces[self.random.integers(len(self.traces))]
            start = self.random.integers(0, len(trace) - 3600 // self.settings["tickSeconds"])
            loads = trace[start:] * math.exp(self.random.uniform(math.log(low), math.log(high)))
            replicas = None
        needed = self.needed(float(loads[0]))
        if replicas is None:
            scale = math.exp(self.random.uniform(math.log(0.35), math.log(2.5)))
            replicas = needed if options else round(needed * scale)
        self.loads = loads.tolist()
        self.simulation.reset(min(self.settings["maxReplicas"], max(self.settings["minReplicas"], replicas)))
        self.simulation.start_tick()
        return self._observe(first=True), {}

    def needed(self, load: float) -> int:
        """Fewest replicas that serve `load` within the SLA."""
        for replicas, capacity in enumerate(self.settings["capacities"], start=1):
            if load <= capacity:
                return replicas
        return self.settings["maxReplicas"]

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        simulation = self.simulation
        # As in Duoloop, nothing is decided before there is a measurement.
        move = self.settings["moves"][action] if simulation.tick > 0 else 0
        simulation.clear_totals()
        simulation.scale_to(simulation.desired + move)
        for _ in range(self.ticks):
            simulation.serve(self.loads[simulation.tick])
            simulation.start_tick()
        truncated = simulation.tick + self.ticks > len(self.loads)
        return self._observe(), self.reward(), False, truncated, {}

    def reward(self) -> float:
        """env/reward/reward.ts: −cost − violation − churn."""
        simulation, weights = self.simulation, self.settings["rewardWeights"]
        depth = weights["depthShare"]
        violation = (1 - depth) * simulation.violation_ticks + depth * simulation.violation_depth
        pods = simulation.pod_ticks / self.ticks + weights["churn"] * simulation.pod_changes
        return -pods / self.settings["nominalPods"] - weights["violation"] * violation / self.ticks

    def _observe(self, first: bool = False) -> np.ndarray:
        simulation = self.simulation
        return self.observer.observe(simulation.observe(), simulation.ready, simulation.desired, first)
