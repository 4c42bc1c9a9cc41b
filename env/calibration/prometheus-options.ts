/** What `record` and `calibrate` take to read a history from Prometheus. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { type MetricPreset, metricPresets } from '../cluster/live/metric-queries.ts';
import { presetQueries } from '../cluster/live/presets.ts';
import { createPrometheusClient, type PrometheusClient } from '../cluster/prometheus.ts';
import type { CommandContext, CommandOption } from '../command.ts';
import { UserError } from '../errors.ts';
import { type PrometheusHistory, readPrometheusHistory } from './prometheus-history.ts';
import { defaultRateWindowSeconds } from './steady-steps.ts';

const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** `90s`, `15m`, `24h`, `7d`, `2w`; a bare number is seconds. */
export const durationSchema = z.string().transform((text, context) => {
  const [, number, unit = 's'] = /^(\d+(?:\.\d+)?)([smhdw])?$/.exec(text) ?? [];
  const seconds = Number(number) * units[unit];
  if (seconds > 0) return seconds;
  context.addIssue({ code: 'custom', message: `"${text}" is not a duration; write it like 24h, 15m or 90s` });
  return z.NEVER;
});

// Without `custom`: its queries have nowhere to be written on a command line.
const presets = metricPresets.filter((preset): preset is Exclude<MetricPreset, 'custom'> => preset !== 'custom');
const objectName = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'must be a name as Kubernetes allows it');

export const prometheusFields = {
  prometheus: z.url({ protocol: /^https?$/ }).optional(),
  prometheusTokenFile: z.string().optional(),
  namespace: objectName.optional(),
  service: z.array(objectName).default([]),
  preset: z.enum(presets).default('istio'),
  range: durationSchema.prefault('24h'),
  step: durationSchema.prefault('15s'),
  rateWindow: durationSchema.optional(),
};
export type PrometheusInput = z.infer<z.ZodObject<typeof prometheusFields>>;

export const prometheusOptions: readonly CommandOption[] = [
  { flags: '--prometheus <url>', description: 'where measurements are, such as http://localhost:9090' },
  { flags: '--prometheus-token-file <file>', description: 'file with the bearer token for it' },
  { flags: '--namespace <name>', description: 'namespace of the application' },
  {
    flags: '--service <name...>',
    description:
      'its Deployments or StatefulSets, the one that requests enter at first; else the only one with requests',
  },
  { flags: '--preset <name>', description: `whose request metrics: ${presets.join(', ')}` },
  { flags: '--range <duration>', description: 'how far back, such as 24h or 7d' },
  { flags: '--step <duration>', description: 'between two moments' },
  { flags: '--rate-window <duration>', description: 'window of rates and quantiles (30s from Prometheus)' },
];

const timeoutSeconds = 120;

/** @throws UserError */
export async function readFromPrometheus(
  input: PrometheusInput & { readonly prometheus: string; readonly namespace: string },
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
    prometheus: await connect(input.prometheus, input.prometheusTokenFile),
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

async function connect(url: string, tokenFile: string | undefined): Promise<PrometheusClient> {
  if (tokenFile === undefined) return createPrometheusClient({ url, timeoutSeconds });
  try {
    const bearerToken = (await readFile(tokenFile, 'utf8')).trim();
    return createPrometheusClient({ url, timeoutSeconds, bearerToken });
  } catch (cause) {
    throw new UserError('TOKEN_UNREADABLE', `--prometheus-token-file ${tokenFile}: ${(cause as Error).message}`, {
      cause,
    });
  }
}
