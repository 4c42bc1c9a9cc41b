/** What `record` and `calibrate` take to read a history from Prometheus. */
import { z } from 'zod';
import {
  durationSchema,
  namedPresets,
  presetOption,
  prometheusFields,
  prometheusOptions,
  rateWindowOption,
} from '../cluster/command-options.ts';
import { connectPrometheus } from '../cluster/connect-prometheus.ts';
import { presetQueries } from '../cluster/live/presets.ts';
import type { CommandContext, CommandOption } from '../command.ts';
import { UserError } from '../errors.ts';
import { type PrometheusHistory, readPrometheusHistory } from './prometheus-history.ts';
import { defaultRateWindowSeconds } from './steady-steps.ts';

const objectName = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'must be a name as Kubernetes allows it');

export const historyFields = {
  ...prometheusFields,
  namespace: objectName.optional(),
  service: z.array(objectName).default([]),
  preset: z.enum(namedPresets).default('istio'),
  range: durationSchema.prefault('24h'),
  step: durationSchema.prefault('15s'),
  rateWindow: durationSchema.optional(),
};
export type HistoryInput = z.infer<z.ZodObject<typeof historyFields>>;

export const historyOptions: readonly CommandOption[] = [
  ...prometheusOptions(),
  { flags: '--namespace <name>', description: 'namespace of the application' },
  {
    flags: '--service <name...>',
    description:
      'its Deployments or StatefulSets, the one that requests enter at first; else the only one with requests',
  },
  presetOption(namedPresets),
  { flags: '--range <duration>', description: 'how far back, such as 24h or 7d' },
  { flags: '--step <duration>', description: 'between two moments' },
  rateWindowOption('30s from Prometheus'),
];

const timeoutSeconds = 120;

/** @throws UserError */
export async function readFromPrometheus(
  input: HistoryInput & { readonly prometheus: string; readonly namespace: string },
  { signal, log }: CommandContext,
): Promise<PrometheusHistory> {
  const { namespace, service, preset, range, step, rateWindow = defaultRateWindowSeconds } = input;
  if (range < 20 * step) {
    throw new UserError(
      'HISTORY_EMPTY',
      `--range ${range} s has fewer than 20 steps of ${step} s: give a longer range or a shorter --step`,
    );
  }
  const { history, missing } = await readPrometheusHistory({
    prometheus: await connectPrometheus({
      url: input.prometheus,
      tokenFile: input.prometheusTokenFile,
      timeoutSeconds,
    }),
    queries: presetQueries(preset),
    preset,
    namespace,
    services: service,
    rangeSeconds: range,
    stepSeconds: step,
    rateWindowSeconds: rateWindow,
    now: () => Date.now() / 1000,
    signal,
    onProgress: log,
  });
  for (const line of missing) log(`missing: ${line}`);
  return { history, missing };
}
