/** Whether a canary may be promoted, and whether a promoted policy may stay: pure functions of what the agent reports. */
import type { RewardSummary } from '../../policies/resources/deliberative-loop.ts';
import type { Criteria, Observed } from './contract.ts';
import type { Band, OpenRecord } from './record.ts';

/** A canary that has not been seen deciding after this many times its period is turned down. */
export const patience = 3;

type Waiting = { readonly kind: 'wait'; readonly reason: string };
type Bad = { readonly kind: 'bad'; readonly reason: string };
export type CanaryVerdict = Waiting | Bad | { readonly kind: 'good'; readonly band: Band; readonly reason: string };
export type WatchVerdict = Waiting | Bad | { readonly kind: 'good'; readonly reason: string };

export function judgeCanary(observed: Observed, record: OpenRecord, criteria: Criteria): CanaryVerdict {
  const { loop, unixSecond } = observed;
  const elapsedSeconds = unixSecond - Date.parse(record.since) / 1000;
  const canary = loop.status.canary?.sha256 === record.candidate ? loop.status.canary : undefined;
  const decisions = canary?.decisions ?? 0;
  const band = bandOf(loop.status.reward, record.incumbent, criteria);
  if (elapsedSeconds < criteria.canarySeconds || decisions < criteria.minDecisions || band === undefined) {
    if (elapsedSeconds < patience * criteria.canarySeconds) {
      const of = `${decisions} of at least ${criteria.minDecisions} decisions`;
      return {
        kind: 'wait',
        reason: `canary: ${of}, ${minutes(elapsedSeconds)} of ${minutes(criteria.canarySeconds)}`,
      };
    }
    const reason =
      decisions < criteria.minDecisions
        ? `the agent has asked the canary ${decisions} times in ${minutes(elapsedSeconds)}, at least ${criteria.minDecisions} are needed: see whether it runs, and its conditions`
        : `the agent reports no reward of the incumbent over ${criteria.minDecisions} decisions, so nothing could be told of the candidate later`;
    return { kind: 'bad', reason };
  }
  const asked = decisions * Math.max(1, loop.closedLoops);
  const share = (canary?.abstentions ?? 0) / asked;
  const told = `${canary?.abstentions} abstentions in ${decisions} decisions on ${loop.closedLoops} closed loops`;
  if (share > criteria.maxAbstentionShare) {
    return { kind: 'bad', reason: `canary: ${told}, at most ${percent(criteria.maxAbstentionShare)} are accepted` };
  }
  return { kind: 'good', band, reason: `canary: ${told}` };
}

function bandOf(reward: RewardSummary | undefined, incumbent: string, { minDecisions }: Criteria): Band | undefined {
  if (reward?.sha256 !== incumbent || reward.decisions < minDecisions) return undefined;
  const { decisions, mean, deviation, advantageMean, advantageDeviation } = reward;
  // Against the HPA's twin the traffic of the day cancels out.
  if (advantageMean !== undefined && advantageDeviation !== undefined) {
    return { measure: 'advantageMean', mean: advantageMean, deviation: advantageDeviation, decisions };
  }
  return { measure: 'mean', mean, deviation, decisions };
}

/**
 * The incumbent's band ends `bandWidth` standard errors of the difference between two means below its own mean:
 * mean − k·√(deviation²/n + deviation′²/n′), the second term being the candidate's, which has fewer decisions.
 */
export function judgeWatch(observed: Observed, record: OpenRecord, criteria: Criteria): WatchVerdict {
  const { loop, unixSecond } = observed;
  const { band } = record;
  const elapsedSeconds = unixSecond - Date.parse(record.since) / 1000;
  const isOver = elapsedSeconds >= criteria.watchSeconds;
  const reward = loop.status.reward?.sha256 === record.candidate ? loop.status.reward : undefined;
  const mean = reward?.[band?.measure ?? 'mean'];
  const deviation = band?.measure === 'advantageMean' ? reward?.advantageDeviation : reward?.deviation;
  if (reward === undefined || band === undefined || mean === undefined || deviation === undefined) {
    if (!isOver) return { kind: 'wait', reason: `watch: no reward yet, ${minutes(elapsedSeconds)}` };
    return { kind: 'bad', reason: `the agent reported no reward of the new policy in ${minutes(elapsedSeconds)}` };
  }
  const { decisions } = reward;
  if (decisions < criteria.minDecisions) {
    if (!isOver) return { kind: 'wait', reason: `watch: ${decisions} of ${criteria.minDecisions} decisions` };
    return { kind: 'bad', reason: `only ${decisions} decisions of the new policy in ${minutes(elapsedSeconds)}` };
  }
  const error = Math.sqrt(band.deviation ** 2 / band.decisions + deviation ** 2 / decisions);
  const bound = band.mean - criteria.bandWidth * error;
  const told = `${band.measure} ${short(mean)} over ${decisions} decisions, the incumbent's band ends at ${short(bound)}`;
  if (mean < bound) return { kind: 'bad', reason: `below the incumbent: ${told}` };
  return isOver ? { kind: 'good', reason: `watched: ${told}` } : { kind: 'wait', reason: `watch: ${told}` };
}

const minutes = (seconds: number) => `${Number((seconds / 60).toFixed(1))} min`;
const percent = (share: number) => `${Number((share * 100).toFixed(2))} %`;
const short = (value: number) => String(Number(value.toPrecision(4)));
