/** Closed loops as an agent would see them, made of a simulated fleet and its batched reactive loop. */
import { noRaiseChoice } from '../../env/deliberative-action.ts';
import type { FleetController, FleetMetrics, SystemMeasurement } from '../../env/ports.ts';
import type { BatchedReactiveLoop } from '../reactive/batched-loop.ts';
import type { LoopSpec } from '../reactive/loop-spec.ts';
import { type ClosedLoopSpec, type ClosedLoopStatus, closedLoopSpecSchema } from '../resources/closed-loop.ts';
import type { Deliberation, LoopDecision, LoopView } from './contract.ts';

/** A ClosedLoop with the metrics, thresholds and bounds of a loop spec. */
export function closedLoopSpecFrom({ guardrails, members, metrics, ...spec }: LoopSpec): ClosedLoopSpec {
  return closedLoopSpecSchema.parse({
    ...spec,
    targetRef: { kind: 'Deployment', name: 'target' },
    metrics: metrics.map((metric) => ({ ...metric, source: { push: {} } })),
  });
}

export function measurementOf(metrics: FleetMetrics, lane: number, key: string): SystemMeasurement {
  const ofServices = (values: Float32Array) =>
    Float64Array.from({ length: metrics.services }, (_, service) => values[service * metrics.lanes + lane]);
  const counts = (values: Int32Array) =>
    Int32Array.from({ length: metrics.services }, (_, service) => values[service * metrics.lanes + lane]);
  return {
    key,
    load: metrics.load[lane],
    p95Milliseconds: metrics.p95Milliseconds[lane],
    requestsPerSecond: ofServices(metrics.requestsPerSecond),
    cpuPercent: ofServices(metrics.cpuPercent),
    memoryPercent: ofServices(metrics.memory),
    measuredReady: counts(metrics.measuredReady),
    ready: counts(metrics.ready),
    desired: counts(metrics.desired),
    ageSeconds: Number.isNaN(metrics.load[lane]) ? Number.NaN : 15,
    missing: [],
  };
}

/** @param epochOffset Unix seconds at second 0 of the simulator */
export function statusOf(
  loop: BatchedReactiveLoop,
  lane: number,
  memorySize: number,
  epochOffset: number,
): ClosedLoopStatus {
  const { state, reactions } = loop;
  const { metricNames, lanes } = state;
  const perMetric = <Value>(of: (metric: number) => Value) =>
    Object.fromEntries(metricNames.map((name, metric) => [name, of(metric)] as const));
  const winners = metricNames.flatMap((name, m) =>
    new Array<string>(state.recentReactions[m * lanes + lane]).fill(name),
  );
  return {
    ranks: perMetric((m) => state.ranks[m * lanes + lane]),
    ranking: '',
    target: 'Deployment/target',
    recentDecisions: [],
    lastDecision: {
      time: new Date(0).toISOString(),
      message: 'No Event',
      losers: [],
      clampedBy: [],
      action: 'No action',
      from: state.groupSize[lane],
      to: state.groupSize[lane],
      missing: [],
      values: {},
      vertical: { resource: 'memory', to: memorySize },
    },
    reactionEpochs: perMetric((m) =>
      Array.from(
        { length: reactions.counts[m * lanes + lane] },
        (_, age) => reactions.secondAt(lane, m, age) + epochOffset,
      ),
    ),
    recentReactions: winners,
    rankChanges: [],
    recentChanges: [],
    conditions: [],
  };
}

/** @param spec one object for all ticks, as it would be while nobody edits the ClosedLoop */
export function viewOf(
  spec: ClosedLoopSpec,
  metrics: FleetMetrics,
  loop: BatchedReactiveLoop,
  lane: number,
  epochOffset = 0,
): LoopView {
  const key = `shop/loop-${lane}`;
  return {
    key,
    spec,
    status: statusOf(loop, lane, metrics.memorySize[lane], epochOffset),
    groupSize: loop.state.groupSize[lane],
    measurement: measurementOf(metrics, lane, key),
  };
}

export interface DeliberatingOptions {
  readonly loop: BatchedReactiveLoop;
  readonly loopSpec: LoopSpec;
  readonly deliberation: Deliberation;
  /** Unix seconds at second 0 of the simulator. */
  readonly epochOffset?: number;
  /** What monitoring makes of a measurement. */
  readonly distort?: (measurement: SystemMeasurement, second: number) => SystemMeasurement;
  readonly onDecisions?: (decisions: readonly LoopDecision[], metrics: FleetMetrics) => void;
}

/** The reactive loop of a simulated fleet, tuned by what a deliberation proposes on views of it. */
export function deliberatingController(options: DeliberatingOptions): FleetController {
  const { loop, loopSpec, deliberation, epochOffset = 0, distort = (measurement) => measurement } = options;
  const spec = closedLoopSpecFrom(loopSpec);
  return {
    intervalSeconds: loop.intervalSeconds,
    resetLane: (lane) => loop.resetLane(lane),
    decide(metrics, actions) {
      const second = metrics.second[0];
      const views = Array.from({ length: metrics.lanes }, (_, lane) => {
        const view = viewOf(spec, metrics, loop, lane, epochOffset);
        return { ...view, measurement: view.measurement && distort(view.measurement, second) };
      });
      const decisions = deliberation.decide(views, { second, unixSecond: second + epochOffset });
      options.onDecisions?.(decisions, metrics);
      for (const [lane, { proposal, raise }] of decisions.entries()) {
        if (proposal === undefined) continue;
        if (raise !== noRaiseChoice) loop.raiseRank(lane, raise - 1, second);
        if (proposal.setPoint !== undefined) loop.proposeSetPoint(lane, proposal.setPoint, second);
      }
      loop.decide(metrics, actions);
    },
  };
}
