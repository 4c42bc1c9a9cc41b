/** Keeping the traffic that a policy is judged on apart from the traffic that it was trained on. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { UserError } from '../env/errors.ts';
import { formatTrace, type Trace } from '../env/workload/trace.ts';
import type { CheckpointDocument } from '../policies/actor-critic/checkpoint.ts';

/** Share of a trace's time that is held out. */
export const holdOutShare = z.coerce.number().gt(0).lt(1);

/** Of the load over time, whatever the file is called. */
export function traceHash(trace: Trace): string {
  return createHash('sha256').update(formatTrace(trace)).digest('hex');
}

/**
 * Cuts a trace in two at the same moment whoever does it: the later part is for judging, the earlier one for training.
 * @param share of the time that is held out
 * @throws UserError when a part would have no load
 */
export function splitTrace(trace: Trace, share: number): { training: Trace; heldOut: Trace } {
  const { name, seconds, rps } = trace;
  const end = seconds[seconds.length - 1];
  // The row from which on it is held out; the row before is held until then.
  const cut = seconds.findIndex((second) => second >= end * (1 - share));
  if (cut < 1 || cut >= seconds.length - 1) {
    throw new UserError(
      'HELD_OUT',
      `trace ${name} has ${seconds.length} rows, too few to hold out ${share * 100} % of it: record more, or change --hold-out`,
    );
  }
  const at = seconds[cut];
  return {
    // The last row ends a trace.
    training: { name: `${name}-training`, seconds: seconds.slice(0, cut + 1), rps: rps.slice(0, cut + 1) },
    heldOut: {
      name: `${name}-held-out`,
      seconds: seconds.slice(cut).map((second) => second - at),
      rps: rps.slice(cut),
    },
  };
}

/** @throws UserError naming the traces that the checkpoint was trained on */
export function refuseTrainingTraces(document: CheckpointDocument, traces: readonly Trace[]): void {
  const { trainingTraces, hyperparameters } = document;
  if (trainingTraces === undefined && typeof hyperparameters.traces === 'number') {
    throw new UserError(
      'PROMOTION_TRACES',
      'the candidate does not say which traces it was trained on, so nothing can be known to be held out: train it again with this version',
    );
  }
  const known = new Set(trainingTraces?.map(({ sha256 }) => sha256));
  const seen = traces.filter((trace) => known.has(traceHash(trace))).map(({ name }) => name);
  if (seen.length === 0) return;
  throw new UserError(
    'PROMOTION_TRACES',
    `the candidate was trained on ${seen.join(', ')}: judge it on traffic that it has not seen (--hold-out keeps a part of each trace for that, in train and promote alike)`,
  );
}
