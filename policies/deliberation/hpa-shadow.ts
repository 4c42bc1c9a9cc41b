/**
 * What an HPA would do beside the two loops, per block of closed loops: what it would ask for on the measurements of this
 * moment, and a twin, the app model in the simulator under that HPA and the measured load.
 */
import type { AppModel } from '../../env/apps/app-model.ts';
import type { FleetActions, FleetController } from '../../env/ports.ts';
import { createSimulator, defaultLaneParameters, defaultTickSeconds } from '../../env/simulator/simulator.ts';
import { hpaBehaviors } from '../hpa/behavior.ts';
import { createHpaController, type HpaMetric } from '../hpa/controller.ts';
import { loadTuned } from '../hpa/tuned.ts';
import { coveringGroupSize } from '../reactive/targets.ts';
import type { LoopBlock } from './loop-block.ts';

export interface ShadowHpa {
  /** averageUtilization of CPU, percent; one for all services, or one per service. */
  readonly cpuTargetPercent: number | readonly number[];
  readonly behavior: keyof typeof hpaBehaviors;
}

/** Kubernetes' default behaviour at the usual target. */
export const defaultShadowHpa: ShadowHpa = { cpuTargetPercent: 70, behavior: 'kubernetes-default' };

/** The HPA that a sweep found best for this very app model; undefined when it was never tuned. */
export function tunedShadowHpa(app: AppModel): ShadowHpa | undefined {
  const tuned = loadTuned(app)?.policies['hpa-tuned'];
  return tuned && { cpuTargetPercent: tuned.targets, behavior: tuned.behavior };
}

/** What became of one lane of the twin since the last `advance`; ticks 0: nothing. */
export interface TwinInterval {
  readonly ticks: number;
  readonly podTicks: number;
  readonly violationTicks: number;
  readonly violationDepth: number;
  readonly podChanges: number;
  readonly scalingActions: number;
}

export interface HpaShadow {
  /** Decides on the block's measurements and lets the twin serve its load up to that second; once per observation. */
  advance(second: number): void;
  /** Group size that covers what the HPAs of all services ask for now, within the bounds. */
  wouldBe(lane: number, minReplicas: number, maxReplicas: number): number;
  interval(lane: number): TwinInterval;
}

const syncPeriodSeconds = 15;
/** A twin left behind by more than this starts anew from the live system. */
const longestCatchUpSeconds = 900;

export function createHpaShadow(
  app: AppModel,
  block: LoopBlock,
  intervalSeconds: number,
  hpa: ShadowHpa = defaultShadowHpa,
): HpaShadow {
  const { lanes, fleet, starts } = block;
  const { services } = app;
  const targets = Array.isArray(hpa.cpuTargetPercent) ? hpa.cpuTargetPercent : [hpa.cpuTargetPercent];
  const metrics: HpaMetric[] = [
    { kind: 'cpu', targets: services.map((_, i) => targets[Math.min(i, targets.length - 1)]) },
  ];
  const controllerOf = (period: number): FleetController =>
    createHpaController({
      services,
      lanes,
      metrics,
      behavior: hpaBehaviors[hpa.behavior],
      syncPeriodSeconds: period,
    });
  const beside = controllerOf(Math.min(syncPeriodSeconds, intervalSeconds));
  const wanted: FleetActions = {
    replicas: new Int32Array(services.length * lanes),
    memorySize: new Float32Array(lanes),
  };
  const members = services.map(({ ratio, minReplicas, maxReplicas }) => ({
    ratio,
    min: minReplicas,
    max: maxReplicas,
  }));

  const simulator = createSimulator({ app, lanes });
  const { totals } = simulator;
  const { tickSeconds } = simulator;
  const twinController = controllerOf(Math.ceil(syncPeriodSeconds / defaultTickSeconds) * defaultTickSeconds);
  const syncTicks = twinController.intervalSeconds / tickSeconds;
  const seenStarts = new Int32Array(lanes).fill(-1);
  let twinSecond = Number.NaN;
  let tick = 0;

  function restart(lane: number, second: number): void {
    seenStarts[lane] = starts[lane];
    beside.resetLane(lane);
    twinController.resetLane(lane);
    const { minGroupSize, maxGroupSize } = app;
    const initialGroupSize = coveringGroupSize(members, fleet.metrics.desired, minGroupSize, maxGroupSize, lane, lanes);
    simulator.resetLane(lane, { ...defaultLaneParameters(app), seed: lane, startSecond: second, initialGroupSize });
  }

  function serveTick(): void {
    simulator.startTick();
    if (tick % syncTicks === 0) {
      simulator.observe();
      twinController.decide(simulator.metrics, simulator.actions);
      simulator.apply();
    }
    simulator.load.set(block.load);
    simulator.capacity.set(block.capacity);
    simulator.endTick();
    tick++;
  }

  return {
    advance(second) {
      wanted.replicas.set(fleet.metrics.desired);
      const isLeftBehind = !(second - twinSecond >= 0 && second - twinSecond <= longestCatchUpSeconds);
      if (isLeftBehind) twinSecond = second;
      for (let lane = 0; lane < lanes; lane++) {
        if (isLeftBehind || seenStarts[lane] !== starts[lane]) restart(lane, twinSecond);
      }
      beside.decide(fleet.metrics, wanted);
      for (const values of Object.values(totals)) values.fill(0);
      for (; twinSecond + tickSeconds <= second; twinSecond += tickSeconds) serveTick();
    },
    wouldBe: (lane, minReplicas, maxReplicas) =>
      coveringGroupSize(members, wanted.replicas, minReplicas, maxReplicas, lane, lanes),
    interval: (lane) => ({
      ticks: totals.ticks[lane],
      podTicks: totals.podTicks[lane],
      violationTicks: totals.violationTicks[lane],
      violationDepth: totals.violationDepth[lane],
      podChanges: totals.podChanges[lane],
      scalingActions: totals.scalingActions[lane],
    }),
  };
}
