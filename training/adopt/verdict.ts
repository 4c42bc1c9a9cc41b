/** What a policy is worth beside the tuned HPA, on traffic that it was not trained on, in plain words. */
import type { AppModel } from '../../env/apps/app-model.ts';
import { createDraw } from '../../env/random.ts';
import { formatDecimal, formatSigned } from '../../env/report/number-format.ts';
import type { Trace } from '../../env/workload/trace.ts';
import type { Checkpoint } from '../../policies/actor-critic/checkpoint.ts';
import { checkpointPolicy } from '../../policies/two-loop.ts';
import { comparePolicy } from '../compare.ts';
import type { ComparisonRow } from '../comparison.ts';
import { refuseTrainingTraces } from '../held-out.ts';
import { metricNoise, playInWindows, windowLength } from '../promotion/gate.ts';
import { beats, confidence, type Difference, differenceOf } from '../promotion/spread.ts';
import { heldOutTraces } from '../trace-sets.ts';
import { resolveTunedPolicy } from '../tune.ts';

export interface Verdict {
  readonly isBetter: boolean;
  /** One sentence. */
  readonly text: string;
  readonly rows: readonly ComparisonRow[];
}

export interface VerdictOptions {
  readonly app: AppModel;
  readonly checkpoint: Checkpoint;
  /** Own traffic; undefined: six synthetic days that nothing was trained or tuned on. */
  readonly traces: readonly Trace[] | undefined;
  readonly log: (line: string) => void;
}

/** Runs of each trace, each with measurement noise of its own. */
const seeds = 3;

/** @throws UserError `PROMOTION_TRACES` when the policy was trained on one of the traces */
export async function judgePolicy({ app, checkpoint, log, ...options }: VerdictOptions): Promise<Verdict> {
  const traces = options.traces ?? heldOutTraces({ app, perFamily: 1 });
  refuseTrainingTraces(checkpoint.document, traces);
  const policy = checkpointPolicy({ name: 'duoloop', origin: 'to be adopted', checkpoint });
  const hpa = await resolveTunedPolicy('hpa-tuned', app, log);
  const windowSeconds = windowLength(traces, 0);
  const [ours, theirs] = [
    await playInWindows(policy, { app, traces, seeds, windowSeconds }),
    await playInWindows(hpa, { app, traces, seeds, windowSeconds }),
  ];
  const difference = differenceOf(ours, theirs, createDraw(1));
  const rows = [];
  for (const each of [policy, hpa])
    rows.push(...(await comparePolicy(each, { app, traces, metricNoise, seed: 1 })).rows);
  const hours = traces.reduce((sum, { seconds }) => sum + seconds[seconds.length - 1], 0) / 3600;
  const kind = options.traces === undefined ? 'synthetic' : 'recorded';
  return {
    isBetter: beats(difference),
    text: `On ${formatDecimal(hours, 1)} h of ${kind} traffic that it was not trained on, ${words(difference)}`,
    rows,
  };
}

/** Plainly: better, surely worse in something, or not to be told apart. */
export function words(difference: Difference): string {
  const { violationPoints, podHoursPercent } = difference;
  const figures = `${range(violationPoints)} points of time above the SLA, ${range(podHoursPercent)} % pod-hours; ${100 * confidence} % bounds`;
  const worse = [
    ...(violationPoints.low > 0 ? ['is surely longer above the SLA'] : []),
    ...(podHoursPercent.low > 0 ? ['surely needs more pods'] : []),
  ];
  // Bought with the other, it does not count; it is no secret either.
  const gain =
    violationPoints.high < 0 ? 'shorter above the SLA' : podHoursPercent.high < 0 ? 'with fewer pods' : undefined;
  const bought = worse.length === 1 && gain !== undefined ? `, and surely ${gain}` : '';
  const verdict = beats(difference)
    ? 'it is better than the tuned HPA'
    : worse.length > 0
      ? `it is not better in both than the tuned HPA: it ${worse.join(' and ')}${bought}`
      : 'it cannot be told apart from the tuned HPA: judge it on more traffic';
  return `${verdict} (${figures}).`;
}

function range({ mean, low, high }: Difference['violationPoints']): string {
  return `${formatSigned(mean)} [${formatSigned(low)}, ${formatSigned(high)}]`;
}
