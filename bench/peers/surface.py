"""The measured frontend as in env/simulator/measured-surface.ts, whose header states the rules; read from env/apps/frontend.json."""

import json
from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

QUANTITIES = ("p95Milliseconds", "cpuPercent", "memory")
TAIL_SAMPLES = 20
NO_POD_P95_MILLISECONDS = 10_000.0


@dataclass(frozen=True)
class Curve:
    """One replica count: knots of load (requests/s), and each quantity's value and slope at the knot."""

    loads: list[float]
    values: dict[str, list[float]]
    slopes: dict[str, list[float]]

    def at(self, load: float) -> tuple[float, float, float]:
        """p95 in milliseconds, CPU in percent of the request, and memory under `load` requests/s."""
        knot = bisect_right(self.loads, load) - 1
        beyond = load - self.loads[knot]
        p95, cpu, memory = QUANTITIES
        return (
            self.values[p95][knot] + self.slopes[p95][knot] * beyond,
            self.values[cpu][knot] + self.slopes[cpu][knot] * beyond,
            self.values[memory][knot] + self.slopes[memory][knot] * beyond,
        )


def read_curves(app_file: str) -> list[Curve]:
    """The curves of 1, 2, 3 … replicas, continued beyond their last samples."""
    with open(app_file, encoding="utf-8") as file:
        measured = json.load(file)["serving"]["curves"]
    return [_curve(_extended_knots(curve, measured[0], measured[1])) for curve in measured]


def _extended_knots(curve: dict, one: dict, two: dict) -> list[dict]:
    replicas = curve["replicas"]
    knots = [{"load": 0.0, **{q: curve[q][0] for q in QUANTITIES}, "cpuPercent": 0.0}]
    knots += [{"load": load, **{q: curve[q][i] for q in QUANTITIES}} for i, load in enumerate(curve["load"])]
    for donor in (two, one):
        pods = donor["replicas"]
        start = knots[-1]
        reached = start["load"] / replicas
        if donor["load"][-1] / pods <= reached:
            continue
        base = {q: _interpolate(donor, q, reached * pods) for q in QUANTITIES}
        for i, load in enumerate(donor["load"]):
            if load / pods > reached:
                increments = {q: start[q] + donor[q][i] - base[q] for q in QUANTITIES}
                knots.append({"load": load / pods * replicas, **increments})
    last = knots[-1]
    tail = {q: last[q] + _tail_slope(one, q) for q in QUANTITIES}
    return [*knots, {"load": last["load"] + replicas, **tail}]


def _interpolate(curve: dict, quantity: str, load: float) -> float:
    first = curve["load"][0]
    if load <= first:
        value = curve[quantity][0]
        return value * load / first if quantity == "cpuPercent" else value
    return float(np.interp(load, curve["load"], curve[quantity]))


def _tail_slope(curve: dict, quantity: str) -> float:
    loads = np.asarray(curve["load"][-TAIL_SAMPLES:]) / curve["replicas"]
    return float(np.polyfit(loads, curve[quantity][-TAIL_SAMPLES:], 1)[0])


def _curve(knots: list[dict]) -> Curve:
    """The last knot only gives the slope of the segment that never ends."""
    pairs = list(zip(knots, knots[1:]))
    return Curve(
        loads=[a["load"] for a, _ in pairs],
        values={q: [a[q] for a, _ in pairs] for q in QUANTITIES},
        slopes={q: [(b[q] - a[q]) / (b["load"] - a["load"]) for a, b in pairs] for q in QUANTITIES},
    )
