/** An HPA's behavior as that of a closed loop, which has one period a direction and takes the larger of pods and percent. Pure. */
import type { HpaBehavior, HpaScalingPolicy, HpaScalingRules } from '../../policies/hpa/behavior.ts';
import type { RateLimit } from '../../policies/reactive/loop-spec.ts';
import { trackingTolerance } from '../../policies/reactive/targets.ts';
import type { ClosedLoopSpecInput, Note } from './contract.ts';

type Direction = 'scaleUp' | 'scaleDown';

/** Rates of pods and of percents are compared at this size. */
const referenceSize = 10;
/** The slowest that a closed loop can be told. */
const slowest = { pods: 1, periodSeconds: 3600 } as const;

export function convertBehavior(
  behavior: HpaBehavior,
  bounds: { readonly minReplicas: number; readonly maxReplicas: number },
): { readonly behavior: ClosedLoopSpecInput['behavior']; readonly notes: readonly Note[] } {
  const up = convertRules('scaleUp', behavior.scaleUp);
  const down = convertRules('scaleDown', behavior.scaleDown);
  return {
    behavior: { ...bounds, scaleUp: up.rules, scaleDown: down.rules },
    notes: [...up.notes, ...down.notes],
  };
}

function convertRules(direction: Direction, rules: HpaScalingRules) {
  const notes: Note[] = [];
  const different = (text: string) => notes.push({ text: `behavior.${direction}.${text}`, isDifferent: true });
  const { tolerance, selectPolicy } = rules;
  let { stabilizationWindowSeconds } = rules;
  if (tolerance !== trackingTolerance) {
    different(`tolerance ${tolerance} has no counterpart: a closed loop's is ${trackingTolerance}`);
  }
  let rateLimit: RateLimit | undefined;
  if (selectPolicy === 'Disabled') {
    rateLimit = slowest;
    if (direction === 'scaleDown') stabilizationWindowSeconds = 3600;
    different('selectPolicy Disabled has no counterpart: one pod an hour is the slowest that there is');
  } else {
    const chosen = choosePolicies(direction, rules);
    rateLimit = chosen.rateLimit;
    if (chosen.left.length > 0) {
      const left = chosen.left.map(({ type, value, periodSeconds }) => `${value} ${type} in ${periodSeconds} s`);
      different(
        `policies: left out ${left.join(', ')} (selectPolicy ${selectPolicy}), since a closed loop has one period, and the larger of pods and percent`,
      );
    }
  }
  return { notes, rules: { stabilizationWindowSeconds, ...(rateLimit && { rateLimit }) } };
}

function choosePolicies(
  direction: Direction,
  { selectPolicy, policies }: HpaScalingRules,
): { readonly rateLimit: RateLimit | undefined; readonly left: readonly HpaScalingPolicy[] } {
  // Going down by all pods at once is no limit.
  const isUnlimited = ({ type, value }: HpaScalingPolicy) =>
    direction === 'scaleDown' && type === 'Percent' && value >= 100;
  if (selectPolicy === 'Max' && policies.some(isUnlimited)) return { rateLimit: undefined, left: [] };
  const limiting = policies.filter((policy) => !isUnlimited(policy));
  if (limiting.length === 0) return { rateLimit: undefined, left: [] };
  const ordered = [...limiting].sort((a, b) => rateOf(b) - rateOf(a));
  const first = selectPolicy === 'Max' ? ordered[0] : ordered[ordered.length - 1];
  const isKept = (policy: HpaScalingPolicy) =>
    policy === first || (selectPolicy === 'Max' && policy.periodSeconds === first.periodSeconds);
  const kept = limiting.filter(isKept);
  const largest = (type: HpaScalingPolicy['type']) => {
    const values = kept.filter((policy) => policy.type === type).map(({ value }) => value);
    return values.length > 0 ? Math.max(...values) : undefined;
  };
  const [pods, percent] = [largest('Pods'), largest('Percent')];
  return {
    rateLimit: {
      ...(pods !== undefined && { pods: Math.min(pods, 100_000) }),
      ...(percent !== undefined && { percent: Math.min(percent, 10_000) }),
      periodSeconds: first.periodSeconds,
    },
    left: limiting.filter((policy) => !isKept(policy)),
  };
}

function rateOf({ type, value, periodSeconds }: HpaScalingPolicy): number {
  return (type === 'Pods' ? value : (value / 100) * referenceSize) / periodSeconds;
}
