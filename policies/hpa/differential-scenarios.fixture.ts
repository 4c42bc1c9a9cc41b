/** What the simulated HPA and the real one are both made to live through. */
import { createDraw, mixSeed } from '../../env/random.ts';
import type { HpaBehaviorInput } from './behavior.ts';
import {
  deleting,
  failed,
  longest,
  lostReadiness,
  many,
  neverReady,
  pending,
  ready,
  type Scenario,
  tenths,
  uneven,
  uniform,
  walk,
  withoutCondition,
  young,
  youngUnready,
} from './differential-scenario.fixture.ts';

const unlimited = [{ type: 'Pods' as const, value: 1000, periodSeconds: 1 }];
/** Nothing between the metric and the replicas. */
const immediate: HpaBehaviorInput = {
  scaleUp: { stabilizationWindowSeconds: 0, policies: unlimited },
  scaleDown: { stabilizationWindowSeconds: 0, policies: unlimited },
};
const cpu70 = [{ resource: 'cpu' as const, targetPercent: 70 }];
const base = {
  metrics: cpu70,
  minReplicas: 1,
  maxReplicas: 30,
  initialReplicas: 4,
  pods: many(5),
  behavior: immediate,
};

const named: Scenario[] = [
  { ...base, name: 'walk', usagePercent: uneven(walk(1, 10, 300)) },
  { ...base, name: 'defaults', behavior: {}, usagePercent: uneven(walk(2, 10, 300)) },
  {
    ...base,
    name: 'stabilised',
    behavior: {
      scaleUp: { stabilizationWindowSeconds: 3, policies: unlimited },
      scaleDown: { stabilizationWindowSeconds: 6, policies: unlimited },
    },
    usagePercent: uniform(walk(3, 20, 250)),
  },
  {
    ...base,
    name: 'spikes',
    behavior: {
      scaleUp: {
        policies: [
          { type: 'Pods', value: 2, periodSeconds: 5 },
          { type: 'Percent', value: 50, periodSeconds: 8 },
        ],
      },
      scaleDown: { stabilizationWindowSeconds: 4, policies: [{ type: 'Pods', value: 1, periodSeconds: 3 }] },
    },
    usagePercent: (sync) => (sync % 9 < 3 ? 400 : 30),
  },
  {
    ...base,
    name: 'smallest-step',
    behavior: {
      scaleUp: {
        selectPolicy: 'Min',
        policies: [
          { type: 'Pods', value: 3, periodSeconds: 4 },
          { type: 'Percent', value: 40, periodSeconds: 6 },
        ],
      },
      scaleDown: {
        stabilizationWindowSeconds: 0,
        selectPolicy: 'Min',
        policies: [
          { type: 'Pods', value: 4, periodSeconds: 4 },
          { type: 'Percent', value: 25, periodSeconds: 7 },
        ],
      },
    },
    usagePercent: uniform(walk(4, 10, 400)),
  },
  {
    ...base,
    name: 'only-up',
    behavior: {
      scaleUp: { policies: [{ type: 'Percent', value: 10, periodSeconds: 2 }] },
      scaleDown: { selectPolicy: 'Disabled' },
    },
    usagePercent: uniform(walk(5, 40, 200)),
  },
  {
    ...base,
    name: 'only-down',
    initialReplicas: 25,
    behavior: {
      scaleUp: { selectPolicy: 'Disabled' },
      scaleDown: { stabilizationWindowSeconds: 2, policies: [{ type: 'Percent', value: 15, periodSeconds: 3 }] },
    },
    usagePercent: uniform(walk(6, 5, 200)),
  },
  // At, just inside and just outside the tolerance and whole percents: 77 is inside, 77.9 is cut to it, 78 is outside.
  {
    ...base,
    name: 'tolerance',
    initialReplicas: 5,
    usagePercent: (sync) => [70, 77, 77.9, 78, 63, 62.9, 63.9, 69.9, 70.1, 62][sync % 10],
  },
  {
    ...base,
    name: 'own-tolerance',
    behavior: {
      scaleUp: { stabilizationWindowSeconds: 0, policies: unlimited, tolerance: 0 },
      scaleDown: { stabilizationWindowSeconds: 0, policies: unlimited, tolerance: 0.5 },
    },
    usagePercent: (sync) => [70, 71, 70.9, 36, 35, 34.9, 34, 90][sync % 8],
  },
  { ...base, name: 'pending', pods: [...many(4), ...many(2, pending)], usagePercent: uneven(walk(8, 10, 250)) },
  {
    ...base,
    name: 'unready',
    pods: [...many(3), neverReady, lostReadiness, withoutCondition],
    usagePercent: uneven(walk(9, 10, 250)),
  },
  {
    ...base,
    name: 'young',
    pods: [...many(2), young, young, youngUnready],
    usagePercent: uneven(walk(10, 10, 250)),
  },
  {
    ...base,
    name: 'missing',
    pods: many(6),
    usagePercent: (sync, pod) => (pod < 2 ? undefined : walks.missing[sync]),
  },
  {
    ...base,
    name: 'everything',
    pods: [...many(3), pending, neverReady, failed, deleting, ready, ready],
    usagePercent: (sync, pod) => (pod > 6 ? undefined : walks.everything[sync]),
  },
  {
    ...base,
    name: 'gaps',
    usagePercent: (sync, pod) => (sync % 5 === 4 || (sync % 3 === 1 && pod > 2) ? undefined : walks.gaps[sync]),
  },
  {
    ...base,
    name: 'two-metrics',
    metrics: [...cpu70, { resource: 'memory', targetPercent: 60 }],
    usagePercent: (sync, pod, resource) => walks[resource][sync] + (pod % 2),
  },
  {
    ...base,
    name: 'memory-alone-counts',
    metrics: [...cpu70, { resource: 'memory', targetPercent: 150 }],
    // Readiness matters to CPU only: of these pods it has nothing to say.
    pods: [...many(3, neverReady), pending],
    usagePercent: (sync, pod, resource) => (pod === 2 ? undefined : 2 * walks[resource][sync]),
  },
  { ...base, name: 'below-minimum', minReplicas: 6, initialReplicas: 2, usagePercent: uniform(walk(14, 10, 200)) },
  {
    ...base,
    name: 'above-maximum',
    maxReplicas: 8,
    initialReplicas: 12,
    behavior: {},
    usagePercent: uniform(walk(15, 10, 200)),
  },
  { ...base, name: 'bounds', minReplicas: 3, maxReplicas: 7, usagePercent: uniform(walk(16, 5, 400)) },
  {
    ...base,
    name: 'by-hand',
    behavior: {
      scaleUp: { stabilizationWindowSeconds: 0, policies: [{ type: 'Pods', value: 2, periodSeconds: 4 }] },
      scaleDown: { stabilizationWindowSeconds: 3, policies: [{ type: 'Pods', value: 2, periodSeconds: 4 }] },
    },
    byHand: { 5: 20, 12: 2, 18: 1, 24: 29 },
    usagePercent: uniform(walk(17, 30, 200)),
  },
  {
    ...base,
    name: 'follow',
    podsFollow: true,
    minReplicas: 2,
    maxReplicas: 9,
    pods: many(9),
    usagePercent: (sync, _pod, _resource, live) => tenths((300 + 240 * Math.sin(sync / 3)) / live),
  },
  {
    ...base,
    name: 'follow-defaults',
    podsFollow: true,
    maxReplicas: 9,
    pods: many(9),
    initialReplicas: 2,
    behavior: { scaleDown: { stabilizationWindowSeconds: 5 } },
    usagePercent: (sync, _pod, _resource, live) => tenths((sync % 14 < 7 ? 480 : 110) / live),
  },
];

const walks = {
  missing: walk(11, 10, 250),
  everything: walk(12, 10, 250),
  gaps: walk(13, 10, 250),
  cpu: walk(18, 20, 200),
  memory: walk(19, 20, 180),
};

/** Somebody has switched it off; its HPA is to leave it alone, and does not even ask for metrics. */
export const scaledToZero: Scenario = { ...base, name: 'zero', initialReplicas: 0, usagePercent: () => 400 };

/** Behaviors, bounds, pods and loads that nobody chose. */
function drawn(seed: number): Scenario {
  const draw = createDraw(mixSeed(seed, 99));
  const whole = (low: number, high: number) => Math.floor(draw.uniform(low, high + 1));
  const rules = () => ({
    stabilizationWindowSeconds: whole(0, 4),
    selectPolicy: draw.chance(0.5) ? ('Max' as const) : ('Min' as const),
    policies: Array.from({ length: whole(1, 3) }, () =>
      draw.chance(0.5)
        ? { type: 'Pods' as const, value: whole(1, 6), periodSeconds: whole(1, 10) }
        : { type: 'Percent' as const, value: whole(5, 150), periodSeconds: whole(1, 10) },
    ),
    tolerance: Math.round(draw.uniform(0, 0.3) * 100) / 100,
  });
  const kinds = [
    ready,
    ready,
    ready,
    ready,
    ready,
    ready,
    ready,
    ready,
    pending,
    neverReady,
    lostReadiness,
    young,
    youngUnready,
    failed,
    deleting,
  ];
  const pods = [ready, ...Array.from({ length: whole(2, 7) }, () => kinds[whole(0, kinds.length - 1)])];
  const minReplicas = whole(1, 4);
  const maxReplicas = minReplicas + whole(2, 30);
  const levels = { cpu: walk(seed + 1000, 5, 400), memory: walk(seed + 2000, 5, 300) };
  const missing = Array.from({ length: longest * pods.length }, () => draw.chance(0.04));
  return {
    name: `drawn-${seed}`,
    metrics: [
      { resource: 'cpu', targetPercent: whole(20, 120) },
      ...(draw.chance(0.4) ? [{ resource: 'memory' as const, targetPercent: whole(20, 120) }] : []),
    ],
    behavior: { scaleUp: rules(), scaleDown: rules() },
    minReplicas,
    maxReplicas,
    initialReplicas: whole(minReplicas, maxReplicas),
    pods,
    usagePercent: (sync, pod, resource) =>
      missing[sync * pods.length + pod] ? undefined : uneven(levels[resource])(sync, pod),
  };
}

export const scenarios: readonly Scenario[] = [...named, ...Array.from({ length: 13 }, (_, seed) => drawn(seed + 1))];
