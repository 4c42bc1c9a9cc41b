/** `duoloop promote`: puts a trained policy in force, by way of a gate, a canary and a watch; or undoes that. */
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { clusterConnection, clusterFields, clusterOptions } from '../env/cluster/command-options.ts';
import { connectKubernetes } from '../env/cluster/kubernetes-client.ts';
import { defineCommand } from '../env/command.ts';
import { UserError } from '../env/errors.ts';
import { readTrace } from '../env/workload/trace.ts';
import { type Checkpoint, readCheckpoint } from '../policies/actor-critic/checkpoint.ts';
import { objectName } from '../policies/resources/resource.ts';
import { holdOutShare, refuseTrainingTraces, splitTrace } from './held-out.ts';
import type { GateResult } from './promotion/gate.ts';
import { type PromotionResult, promote } from './promotion/promote.ts';

const minutes = z.coerce.number().positive().max(100_000);

export const command = defineCommand({
  examples: [
    'duoloop promote --candidate runs/frontend --namespace shop --deliberative-loop frontend --traces week.csv --hold-out 0.25',
    'duoloop promote --candidate runs/frontend --namespace shop --deliberative-loop frontend --traces monday.csv tuesday.csv --training-traces last-week.csv --canary-minutes 30 --json',
    'duoloop promote --namespace shop --deliberative-loop frontend --once',
    'duoloop promote --namespace shop --deliberative-loop frontend --abort',
  ],
  options: [
    { flags: '--candidate <folder>', description: 'the checkpoint; left out: goes on with the promotion under way' },
    { flags: '--namespace <name>', description: 'of the DeliberativeLoop and its ConfigMaps' },
    { flags: '--deliberative-loop <name>', description: 'the DeliberativeLoop whose policy it becomes' },
    {
      flags: '--config-map <name>',
      description: 'the ConfigMap of its policy, as a check; NAME-canary and NAME-previous stand beside it',
    },
    { flags: '--traces <file...>', description: 'recent traffic to judge it on (trace CSV)' },
    {
      flags: '--hold-out <share>',
      description: 'judges on the last part of each trace only, as train --hold-out left it',
    },
    { flags: '--training-traces <file...>', description: 'traffic to tune the HPA on, where --hold-out leaves none' },
    { flags: '--seeds <n>', description: 'runs of each trace' },
    { flags: '--min-hours <hours>', description: 'held-out traffic that is needed at least' },
    { flags: '--canary-minutes <n>', description: 'how long it is a canary, decided with and never applied' },
    { flags: '--watch-minutes <n>', description: 'how long it is watched once in force' },
    { flags: '--min-decisions <n>', description: 'decision intervals without which nothing is judged' },
    { flags: '--max-abstentions <share>', description: 'of closed loops and intervals, while it is a canary' },
    { flags: '--band-width <k>', description: 'standard errors that its reward may be below the incumbent’s' },
    { flags: '--again', description: 'tries a candidate that was turned down before' },
    { flags: '--abort', description: 'undoes the promotion under way: the incumbent is in force again' },
    { flags: '--once', description: 'does what can be done now and ends instead of waiting' },
    { flags: '--poll-seconds <n>', description: 'between two looks at the cluster while waiting' },
    ...clusterOptions,
    { flags: '--json', description: 'prints the result as JSON' },
  ],
  schema: z.object({
    candidate: z.string().optional(),
    namespace: objectName,
    deliberativeLoop: objectName,
    configMap: objectName.optional(),
    traces: z.array(z.string()).min(1).optional(),
    holdOut: holdOutShare.optional(),
    trainingTraces: z.array(z.string()).default([]),
    seeds: z.coerce.number().int().min(1).max(100).default(3),
    minHours: z.coerce.number().positive().default(6),
    canaryMinutes: minutes.default(60),
    watchMinutes: minutes.default(1440),
    minDecisions: z.coerce.number().int().min(2).max(1440).default(30),
    maxAbstentions: z.coerce.number().min(0).max(1).default(0.05),
    bandWidth: z.coerce.number().min(0).max(100).default(3),
    again: z.boolean().default(false),
    abort: z.boolean().default(false),
    once: z.boolean().default(false),
    pollSeconds: z.coerce.number().min(0.05).max(3600).default(15),
    ...clusterFields,
    json: z.boolean().default(false),
  }),
  async run(input, context) {
    const { candidate: folder, traces: files, abort } = input;
    if (folder !== undefined && abort) {
      throw new UserError('PROMOTE_OPTIONS', '--abort undoes whatever is under way; leave --candidate out');
    }
    if (folder !== undefined && files === undefined) {
      throw new UserError('PROMOTE_OPTIONS', '--candidate needs --traces: held-out traffic to judge it on');
    }
    const candidate = folder === undefined ? undefined : await readCheckpoint(folder);
    const traffic = candidate && (await readTraffic(candidate, files ?? [], input));
    const api = await connectKubernetes({
      ...clusterConnection(input),
      userAgent: 'duoloop-promote',
    });
    const { namespace, deliberativeLoop, configMap, again, once, pollSeconds } = input;
    const result = await promote({
      api,
      namespace,
      deliberativeLoop,
      configMap,
      now: () => Date.now() / 1000,
      candidate,
      abort,
      again,
      once,
      pollSeconds,
      criteria: {
        canarySeconds: input.canaryMinutes * 60,
        watchSeconds: input.watchMinutes * 60,
        minDecisions: input.minDecisions,
        maxAbstentionShare: input.maxAbstentions,
        bandWidth: input.bandWidth,
      },
      async holdGate(checkpoint, incumbent): Promise<GateResult> {
        const { holdGate } = await import('./promotion/gate.ts');
        const { heldOut = [], training = [] } = traffic ?? {};
        const { seeds, minHours } = input;
        return holdGate({ candidate: checkpoint, incumbent, heldOut, training, seeds, minHours, log: context.log });
      },
      pause: (milliseconds, signal) => delay(milliseconds, undefined, { signal }).catch(() => {}),
      signal: context.signal,
      log: context.log,
    });
    context.print(input.json ? JSON.stringify(result, null, 2) : `${result.outcome}: ${result.reason}`);
    return exitCode(result, abort);
  },
});

/** Waiting is no failure with `--once`, nor when it was interrupted: the next call goes on. */
function exitCode({ outcome }: PromotionResult, abort: boolean): number {
  if (outcome === 'Accepted' || outcome === 'Waiting' || outcome === 'Idle') return 0;
  return outcome === 'Aborted' && abort ? 0 : 1;
}

async function readTraffic(
  { document }: Checkpoint,
  files: readonly string[],
  { holdOut, trainingTraces }: { holdOut?: number | undefined; trainingTraces: readonly string[] },
) {
  const [whole, training] = await Promise.all([
    Promise.all(files.map(readTrace)),
    Promise.all(trainingTraces.map(readTrace)),
  ]);
  const parts = holdOut === undefined ? undefined : whole.map((trace) => splitTrace(trace, holdOut));
  const heldOut = parts?.map((part) => part.heldOut) ?? whole;
  // Whoever trained on all of a trace has seen the part of it, too.
  refuseTrainingTraces(document, whole);
  return { heldOut, training: [...training, ...(parts?.map((part) => part.training) ?? [])] };
}
