"""Replays check.csv: both Python simulators must do, tick for tick, what ours did."""

import csv

import numpy as np

from batched import BatchedSimulation
from frontend_env import FrontendScalingEnv, Workloads

# Ours keeps measurements as float32: 24 bits.
TOLERANCE = 1e-6


def check_agreement(workloads: Workloads) -> dict:
    """Ticks compared and the largest relative difference. Raises AssertionError at the first tick that differs."""
    with open(workloads.check_file, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    settings = workloads.settings
    env = FrontendScalingEnv(workloads, seed=0)
    env.reset(options={"loads": np.array([float(row["rps"]) for row in rows]), "replicas": 3})
    batched = BatchedSimulation(workloads.curves, settings, lanes=2)
    batched.desired[:] = batched.ready[:] = 3
    simulation = env.simulation
    largest = 0.0

    def compare(tick: int, name: str, ours: str, theirs: float | None) -> None:
        nonlocal largest
        if theirs is None or np.isnan(theirs):
            assert ours == "NaN", f"tick {tick}: {name} is {ours} in Duoloop and missing here"
            return
        difference = abs(float(ours) - theirs) / max(1e-9, abs(float(ours)))
        assert difference <= TOLERANCE, f"tick {tick}: {name} is {ours} in Duoloop and {theirs} here"
        largest = max(largest, difference)

    for tick, row in enumerate(rows):
        batched.start_tick()
        batched.observe()
        observed = simulation.observe() or (None, None, None)
        for k, name in enumerate(("observedLoad", "observedP95", "observedCpu")):
            compare(tick, name, row[name], observed[k])
            compare(tick, name, row[name], float(batched.observed[k, 1]))
        if tick % env.ticks == 0:
            simulation.clear_totals()
            simulation.scale_to(simulation.desired + int(row["move"]))
            batched.scale_to(batched.desired + int(row["move"]))
        ready, desired = simulation.ready, simulation.desired
        simulation.serve(env.loads[tick])
        batched.serve(np.full(2, env.loads[tick]))
        record = batched.history[tick % len(batched.history), :, 1]
        for ours, theirs in ((row["desired"], desired), (row["ready"], ready)):
            assert int(ours) == theirs, f"tick {tick}: {ours} pods in Duoloop, {theirs} here"
        assert int(row["desired"]) == batched.desired[1] and int(row["ready"]) == batched.ready[1], f"tick {tick}: pods"
        for name, k in (("p95", 1), ("cpu", 2)):
            compare(tick, name, row[name], simulation.history[-1][k])
            compare(tick, name, row[name], float(record[k]))
        if row["reward"]:
            compare(tick, "reward", row["reward"], env.reward())
        simulation.start_tick()
    return {"ticks": len(rows), "largestRelativeDifference": largest}
