/** `duoloop serve-env`: the simulated environment for a learner in another process, such as the Python package duoloop_gym. */
import { z } from 'zod';
import { loadApp } from '../../env/apps/load-app.ts';
import { defineCommand } from '../../env/command.ts';
import { UserError } from '../../env/errors.ts';
import { defaultRewardWeights } from '../../env/reward/reward.ts';
import { createScalingEnv } from '../../env/simulator/scaling-env.ts';
import { createReactiveLoop } from '../../policies/reactive/batched-loop.ts';
import { agentLoopSpec } from '../../policies/reactive/default-specs.ts';
import { holdOutShare } from '../held-out.ts';
import { trainOptionsSchema } from '../options.ts';
import { readTrainingTraces } from '../train-input.ts';
import { handshakeOf } from './protocol.ts';
import { serveEnv } from './serve-env.ts';

const { intervalSeconds, learns } = trainOptionsSchema.shape;
const defaults = trainOptionsSchema.parse({});

const schema = z.object({
  app: z.string(),
  lanes: z.coerce.number().int().min(1).max(65_536).default(1),
  traces: z.array(z.string()).min(1).optional(),
  holdOut: holdOutShare.optional(),
  interval: intervalSeconds,
  /** A day of decisions every 15 s. */
  episodeSteps: z.coerce.number().int().min(2).default(5760),
  poolSeed: z.coerce.number().int().min(0).default(defaults.seed),
  violationWeight: z.coerce.number().min(0).default(defaultRewardWeights.violation),
  churnWeight: z.coerce.number().min(0).default(defaultRewardWeights.churn),
  learns,
});

export const command = defineCommand({
  examples: [
    'duoloop serve-env --app frontend --lanes 1024',
    'duoloop serve-env --app shop.json --traces week.csv --hold-out 0.25 --lanes 64',
  ],
  options: [
    { flags: '--app <name>', description: 'a shipped app model or its JSON file' },
    { flags: '--lanes <n>', description: 'applications that are simulated at a time' },
    { flags: '--traces <file...>', description: 'own traffic (trace CSV) instead of the synthetic families' },
    { flags: '--hold-out <share>', description: 'keeps the last part of each trace for judging' },
    { flags: '--interval <seconds>', description: 'simulated time of a step: between two decisions' },
    { flags: '--episode-steps <n>', description: 'steps after which an episode is cut off at the latest' },
    { flags: '--pool-seed <n>', description: 'seed of the synthetic traffic' },
    {
      flags: '--violation-weight <price>',
      description: 'of an interval above the SLA, in applications’ worth of pods',
    },
    { flags: '--churn-weight <price>', description: 'of a pod started or removed, in pods for an interval' },
    { flags: '--learns <half>', description: 'both, ranks or set-points: the half of an action that takes effect' },
  ],
  schema,
  async run(input) {
    const { lanes, interval, episodeSteps } = input;
    if (process.stdin.isTTY) {
      throw new UserError(
        'env.client',
        'serve-env speaks a binary protocol with the program that starts it (docs/gymnasium.md); it is not for a terminal',
      );
    }
    const [app, traces] = await Promise.all([loadApp(input.app), readTrainingTraces(input)]);
    const env = createScalingEnv({
      app,
      lanes,
      intervalSeconds: interval,
      createReactiveLoop: (count) => createReactiveLoop({ spec: agentLoopSpec(app), app, lanes: count }),
      reward: { violation: input.violationWeight, churn: input.churnWeight },
      episodes: traces ? { traces } : {},
      maxEpisodeSteps: episodeSteps,
      poolSeed: input.poolSeed,
      learns: input.learns,
    });
    const handshake = handshakeOf({ env, app, secondsPerStep: interval, episodeSteps });
    await serveEnv({ env, handshake, input: process.stdin, output: process.stdout });
  },
});
