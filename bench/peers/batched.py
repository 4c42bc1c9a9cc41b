"""The bare simulator as batched numpy: what our typed arrays are compared with."""

import time

import numpy as np

from surface import QUANTITIES, Curve

BUCKETS = 2048


class BatchedSimulation:
    """Many applications of the measured frontend at once; the same rules as Simulation, an array element a lane."""

    def __init__(self, curves: list[Curve], settings: dict, lanes: int) -> None:
        self.cold_ticks = -(-settings["coldStartSeconds"] // settings["tickSeconds"])
        self.lag_ticks = max(1, -(-settings["metricLagSeconds"] // settings["tickSeconds"]))
        self.sla = settings["slaP95Milliseconds"]
        self.lowest, self.highest = settings["minReplicas"], settings["maxReplicas"]
        self._build_table(curves)
        self.tick = 0
        self.desired = np.full(lanes, self.lowest, np.int32)
        self.ready = self.desired.copy()
        self.starting = np.zeros((self.cold_ticks + 1, lanes), np.int32)
        self.history = np.zeros((self.lag_ticks + 2, 5, lanes), np.float32)  # load, p95, cpu, memory, ready
        self.observed = np.full((5, lanes), np.nan, np.float32)
        self.violation_ticks = np.zeros(lanes, np.int32)
        self.violation_depth = np.zeros(lanes)
        self.pod_ticks = np.zeros(lanes)

    def _build_table(self, curves: list[Curve]) -> None:
        firsts = np.cumsum([0] + [len(curve.loads) for curve in curves])
        self.loads = np.concatenate([curve.loads for curve in curves])
        self.ends = np.concatenate([[*curve.loads[1:], np.inf] for curve in curves])
        self.values = [np.concatenate([curve.values[q] for curve in curves]) for q in QUANTITIES]
        self.slopes = [np.concatenate([curve.slopes[q] for curve in curves]) for q in QUANTITIES]
        self.scale = np.array([BUCKETS / curve.loads[-1] for curve in curves])
        starts = []
        for curve, first, scale in zip(curves, firsts, self.scale):
            edges = np.arange(BUCKETS) / scale
            starts.append(np.searchsorted(curve.loads, edges, side="right") - 1 + first)
        self.buckets = np.concatenate(starts).astype(np.int32)
        # Knots that lie within one bucket: so many times the search has to step on.
        self.search_steps = max(
            int(np.bincount((np.asarray(curve.loads) * scale).astype(int)).max())
            for curve, scale in zip(curves, self.scale)
        )

    def start_tick(self) -> None:
        due = self.starting[self.tick % len(self.starting)]
        self.ready += due
        due[:] = 0

    def observe(self) -> None:
        if self.tick > 0:
            self.observed[:] = self.history[max(0, self.tick - self.lag_ticks) % len(self.history)]

    def scale_to(self, wanted: np.ndarray) -> None:
        target = np.clip(wanted, self.lowest, self.highest)
        change = target - self.desired
        if not change.any():
            return
        self.starting[(self.tick + self.cold_ticks) % len(self.starting)] += np.maximum(change, 0)
        left = np.maximum(-change, 0)
        for ticks in range(self.cold_ticks, 0, -1):
            pending = self.starting[(self.tick + ticks) % len(self.starting)]
            taken = np.minimum(pending, left)
            pending -= taken
            left -= taken
        self.ready -= left
        self.desired[:] = target

    def serve(self, load: np.ndarray) -> None:
        """One tick under `load` (requests/s per lane). At least one pod is ready in every lane."""
        row = self.ready - 1
        bucket = np.minimum((load * self.scale[row]).astype(np.int32), BUCKETS - 1)
        knot = self.buckets[row * BUCKETS + bucket]
        for _ in range(self.search_steps):
            knot = knot + (self.ends[knot] <= load)
        beyond = load - self.loads[knot]
        record = self.history[self.tick % len(self.history)]
        record[0] = load
        for k in range(3):
            record[k + 1] = self.values[k][knot] + self.slopes[k][knot] * beyond
        record[4] = self.ready
        excess = record[1] / self.sla - 1
        self.violation_ticks += excess > 0
        self.violation_depth += np.clip(excess, 0, 1)
        self.pod_ticks += self.desired
        self.tick += 1


def measure(curves: list[Curve], settings: dict, traces: list[np.ndarray], lanes: int, repeats: int) -> list[float]:
    """Service-ticks per second with constant replicas, metrics out on every third tick; one figure per repeat."""
    simulation = BatchedSimulation(curves, settings, lanes)
    simulation.desired[:] = simulation.ready[:] = 1 + np.arange(lanes) % settings["maxReplicas"]
    ticks = min(720, max(60, 3_000_000 // lanes))
    lane = np.arange(lanes)
    length = min(len(trace) for trace in traces)
    stacked = np.stack([trace[:length] for trace in traces])
    table = [stacked[lane % len(traces), (lane * 101 + tick) % length] for tick in range(ticks)]
    figures = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        for tick in range(ticks):
            simulation.start_tick()
            if tick % 3 == 0:
                simulation.observe()
                simulation.scale_to(simulation.desired)
            simulation.serve(table[tick])
        figures.append(lanes * ticks / (time.perf_counter() - start))
    return figures[1:]
