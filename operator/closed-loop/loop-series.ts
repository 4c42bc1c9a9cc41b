/**
 * Series of single closed loops: what their leader knows of them at the moment of a scrape. A tick only leaves its values here;
 * samples are made when they are asked for, one metric a turn of the event loop, so that thousands of loops hold up no tick.
 */
import { setImmediate } from 'node:timers/promises';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { LoopDecision } from '../../policies/reactive/decide.ts';
import { resolveSetPoint } from '../../policies/reactive/set-point.ts';
import type { Condition } from '../../policies/resources/resource.ts';
import type { Measured, RunningLoop } from './contract.ts';
import { loopSpecOf } from './loop-spec-of.ts';

export interface LoopSeries {
  /** @param changed whether the target was really scaled or resized */
  decided(loop: RunningLoop, decision: LoopDecision, from: number, measured: Measured, changed: boolean): void;
  conditions(key: string, conditions: readonly Condition[]): void;
  /** Its target may not be scaled, or its spec is wrong: what was decided last is not of now. */
  notRunning(key: string): void;
  forget(key: string): void;
  /** At the end of a term of leadership: from then on another process tells of them. */
  forgetAll(): void;
}

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number];

interface Tick {
  readonly loop: RunningLoop;
  readonly decision: LoopDecision;
  readonly from: number;
  readonly measured: Measured;
}

interface Figures {
  /** The last one; undefined while the loop is not run. */
  tick: Tick | undefined;
  readonly changes: Map<string, { readonly labels: Labels; count: number }>;
  conditions: readonly Condition[];
}

interface Series {
  readonly name: string;
  readonly help: string;
  /** Beside namespace and closed_loop. */
  readonly labels?: readonly string[];
  readonly samples: (figures: Figures) => readonly Sample[];
}

export function createLoopSeries(registry: Registry): LoopSeries {
  const all = new Map<string, Figures>();
  const figuresOf = (key: string): Figures => {
    const figures = all.get(key) ?? { tick: undefined, changes: new Map(), conditions: [] };
    all.set(key, figures);
    return figures;
  };
  let turn: Promise<unknown> = Promise.resolve();
  const register = (kind: typeof Gauge | typeof Counter, { name, help, labels = [], samples }: Series): void => {
    const labelNames = ['namespace', 'closed_loop', ...labels];
    const metric = new kind({ name: `duoloop_closed_loop_${name}`, help, labelNames, registers: [registry] });
    const described = metric.get.bind(metric);
    metric.get = async () => {
      // Each after the other: what waits for the same turn would run in one go.
      turn = turn.then(() => setImmediate());
      await turn;
      const values = [...all].flatMap(([key, figures]) => {
        const ofLoop = labelsOf(key);
        return samples(figures).map(([own, value]) => ({ labels: { ...ofLoop, ...own }, value }));
      });
      return { ...(await described()), values };
    };
  };
  for (const series of ofTicks) register(Gauge, series);
  register(Gauge, unmetConditions);
  register(Counter, changes);

  return {
    decided(loop, decision, from, measured, changed) {
      const figures = figuresOf(loop.key);
      figures.tick = { loop, decision, from, measured };
      if (!changed) return;
      for (const labels of changesIn(decision, from)) {
        const id = Object.values(labels).join();
        const known = figures.changes.get(id) ?? { labels, count: 0 };
        known.count++;
        figures.changes.set(id, known);
      }
    },
    conditions(key, conditions) {
      figuresOf(key).conditions = conditions;
    },
    notRunning(key) {
      figuresOf(key).tick = undefined;
    },
    forget: (key) => void all.delete(key),
    forgetAll: () => all.clear(),
  };
}

/** Nothing while the loop is not run. */
function ofTick(
  name: string,
  help: string,
  labels: readonly string[],
  samples: (tick: Tick) => readonly Sample[],
): Series {
  return { name, help, labels, samples: ({ tick }) => (tick === undefined ? [] : samples(tick)) };
}

const ofTicks: readonly Series[] = [
  ofTick('replicas', 'Size of the target when it was last decided on', [], ({ from }) => [[{}, from]]),
  ofTick('wanted_replicas', 'Size that the last decision wanted', [], ({ decision }) => [[{}, decision.groupSize]]),
  ofTick('set_point_replicas', 'Set-point in force, while it is fresh', [], setPointSamples),
  ofTick('missing_metrics', 'Metrics without a usable value in the last tick', [], ({ measured }) => [
    [{}, measured.missing?.length ?? 0],
  ]),
  ofTick('metric', 'Measured value of a metric in the last tick; none while it is missing', ['metric'], metricSamples),
  ofTick(
    'threshold',
    'What a metric is compared with; of kind track, the total that the present size is meant to carry',
    ['metric', 'kind'],
    thresholdSamples,
  ),
  ofTick('rank', 'Rank of a metric in force; 1 is first', ['metric'], ({ loop }) =>
    Object.entries(loop.state.ranks).map(([metric, rank]) => [{ metric }, rank]),
  ),
];

const unmetConditions: Series = {
  name: 'unmet_condition',
  help: 'Always 1: a condition that is not True (ScalingLimited: not False), and why',
  labels: ['type', 'reason'],
  samples: ({ conditions }) =>
    conditions
      .filter(({ type, status }) => status !== (type === 'ScalingLimited' ? 'False' : 'True'))
      .map(({ type, reason }) => [{ type, reason }, 1]),
};

const changes: Series = {
  name: 'changes_total',
  help: 'Changes of the target that were carried out, by the metric reacted to; without one: set-point, fallback, bounds',
  labels: ['metric', 'kind', 'direction'],
  samples: (figures) => [...figures.changes.values()].map(({ labels, count }) => [labels, count]),
};

function setPointSamples({ loop: { spec, state, guardrails }, decision, from }: Tick): Sample[] {
  const limits = loopSpecOf(spec, undefined, guardrails);
  const { floor } = resolveSetPoint(limits, state.setPoint, from, decision.second, new Set());
  return floor > 0 ? [[{}, floor]] : [];
}

function metricSamples({ loop: { spec }, measured: { metrics } }: Tick): Sample[] {
  return spec.metrics.flatMap(({ name }): Sample[] => {
    const value = metrics[name];
    return value === undefined ? [] : [[{ metric: name }, value]];
  });
}

function thresholdSamples({ loop: { spec }, from }: Tick): Sample[] {
  return spec.metrics.flatMap(({ name, thresholds }) =>
    thresholds.flatMap(({ kind, value, reaction }): Sample[] => {
      const track = reaction.horizontal?.track;
      if (track !== undefined) return [[{ metric: name, kind: 'track' }, track * from]];
      return value === undefined ? [] : [[{ metric: name, kind }, value]];
    }),
  );
}

function changesIn({ winner, groupSize, vertical, breaches }: LoopDecision, from: number): Labels[] {
  const metric = winner ?? '';
  const isDown = breaches.find(({ name }) => name === winner)?.breach === -1;
  return [
    ...(groupSize === from ? [] : [{ metric, kind: 'horizontal', direction: groupSize > from ? 'up' : 'down' }]),
    ...(vertical === null ? [] : [{ metric, kind: 'vertical', direction: isDown ? 'down' : 'up' }]),
  ];
}

function labelsOf(key: string): { namespace: string; closed_loop: string } {
  const [namespace, name] = key.split('/');
  return { namespace, closed_loop: name };
}
