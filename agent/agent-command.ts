/** `duoloop agent`: the deliberative loop as a process. */
import { z } from 'zod';
import {
  clusterFields,
  clusterOptions,
  namespaceLabelFields,
  namespaceLabelOption,
  presetOption,
  prometheusFields,
  prometheusOptions,
  rateWindowField,
  rateWindowOption,
} from '../env/cluster/command-options.ts';
import { metricPresets } from '../env/cluster/live/metric-queries.ts';
import { defineCommand } from '../env/command.ts';
import { UserError } from '../env/errors.ts';
import { logLevelSchema } from '../env/service/logger.ts';
import { keepHeapSmall } from './runtime/heap.ts';

export const agentOptionsSchema = z.object({
  ...prometheusFields,
  ...namespaceLabelFields,
  prometheus: prometheusFields.prometheus.unwrap(),
  preset: z.enum(metricPresets).default('istio'),
  rateWindow: rateWindowField.prefault('30s'),
  watchNamespace: z.array(z.string()).optional(),
  checkpointRoot: z.string().optional(),
  urlHost: z.array(z.string()).default([]),
  port: z.coerce.number().int().min(0).max(65_535).default(8082),
  bind: z.string().default('127.0.0.1'),
  ...clusterFields,
  identity: z.string().min(1).max(253).optional(),
  timeScale: z.coerce.number().positive().max(1000).default(1),
  epoch: z.coerce.number().default(0),
  logLevel: logLevelSchema.default('info'),
});
export type AgentOptions = z.infer<typeof agentOptionsSchema>;

export const command = defineCommand({
  examples: [
    'duoloop agent --prometheus http://localhost:9090',
    'duoloop agent --prometheus http://prometheus.monitoring.svc:9090 --preset nginx-ingress --watch-namespace shop --checkpoint-root /checkpoints',
  ],
  options: [
    ...prometheusOptions(),
    namespaceLabelOption,
    presetOption(metricPresets, 'where a DeliberativeLoop names none'),
    rateWindowOption('four scrape intervals are a good one'),
    { flags: '--watch-namespace <name...>', description: 'serve these namespaces only; needs no cluster-wide rights' },
    {
      flags: '--checkpoint-root <folder>',
      description: 'folder below which DeliberativeLoops may name checkpoints; none without',
    },
    {
      flags: '--url-host <host...>',
      description: 'hosts (name or name:port) from which DeliberativeLoops may name checkpoints; none without',
    },
    { flags: '--port <n>', description: 'health, readiness and metrics; 0 for a free one' },
    { flags: '--bind <address>', description: 'address to listen on' },
    ...clusterOptions,
    { flags: '--identity <name>', description: 'of this process in claims (host name and a random part)' },
    {
      flags: '--time-scale <n>',
      description: 'seconds of the application per real second, for a lab that runs faster',
    },
    { flags: '--epoch <second>', description: 'Unix second that is second 0 of the application, for a lab' },
    { flags: '--log-level <level>', description: 'trace, debug, info, warn, error, fatal or silent' },
  ],
  schema: agentOptionsSchema,
  async run(options, { signal }) {
    keepHeapSmall();
    const { runAgent } = await import('./run-agent.ts');
    try {
      await runAgent(options, signal);
    } catch (error) {
      if (signal.aborted && !(error instanceof UserError)) return;
      throw error;
    }
    return 0;
  },
});
