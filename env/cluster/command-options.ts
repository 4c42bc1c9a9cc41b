/**
 * Options that several verbs have: the same flags, the same words, the same meaning. A verb spreads the lines into its options
 * and the fields into its schema; a note says what is special about them there.
 */
import { z } from 'zod';
import type { CommandOption } from '../command.ts';
import type { ConnectOptions } from './kubernetes-client.ts';
import { type MetricPreset, metricPresets } from './live/metric-queries.ts';

const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** `90s`, `15m`, `24h`, `7d`, `2w`; a bare number is seconds. Parsed to seconds. */
export const durationSchema = z.string().transform((text, context) => {
  const [, number, unit = 's'] = /^(\d+(?:\.\d+)?)([smhdw])?$/.exec(text) ?? [];
  const seconds = Number(number) * units[unit];
  if (seconds > 0 && Number.isFinite(seconds)) return seconds;
  context.addIssue({ code: 'custom', message: `"${text}" is not a duration; write it like 24h, 15m or 90s` });
  return z.NEVER;
});

export const clusterOptions: readonly CommandOption[] = [
  {
    flags: '--kubeconfig <file>',
    description: 'cluster to connect to (KUBECONFIG, ~/.kube/config or the pod it runs in)',
  },
  { flags: '--context <name>', description: 'context of the kubeconfig' },
];
export const clusterFields = { kubeconfig: z.string().optional(), context: z.string().optional() };

/** For connectKubernetes. */
export function clusterConnection({
  kubeconfig,
  context,
}: z.infer<z.ZodObject<typeof clusterFields>>): Pick<ConnectOptions, 'kubeconfigFiles' | 'context'> {
  return { kubeconfigFiles: kubeconfig === undefined ? undefined : [kubeconfig], context };
}

export function prometheusOption(note?: string): CommandOption {
  return withNote('--prometheus <url>', 'address of Prometheus, such as http://localhost:9090', note);
}

export function prometheusOptions(note?: string): readonly CommandOption[] {
  return [
    prometheusOption(note),
    { flags: '--prometheus-token-file <file>', description: 'bearer token for Prometheus, read at each query' },
  ];
}
export const prometheusFields = {
  prometheus: z.url({ protocol: /^https?$/ }).optional(),
  prometheusTokenFile: z.string().optional(),
};

/** Of processes that ask what others wrote. */
export const namespaceLabelOption: CommandOption = {
  flags: '--prometheus-namespace-label <label>',
  description:
    "label that keeps each object's own queries to series of its namespace; without it they read all there is",
};
export const namespaceLabelFields = {
  prometheusNamespaceLabel: z
    .string()
    .regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, 'must be a label such as namespace')
    .optional(),
};

/** Without `custom`: its queries have nowhere to be written on a command line, only in a DeliberativeLoop. */
export const namedPresets = metricPresets.filter(
  (preset): preset is Exclude<MetricPreset, 'custom'> => preset !== 'custom',
);

export function presetOption(presets: readonly MetricPreset[], note?: string): CommandOption {
  return withNote('--preset <name>', `whose request metrics: ${presets.join(', ')}`, note);
}

export function rateWindowOption(note?: string): CommandOption {
  return withNote('--rate-window <duration>', 'window of rates and quantiles', note);
}
/** Seconds. */
export const rateWindowField = durationSchema.pipe(z.number().max(3600, 'is more than an hour'));

function withNote(flags: string, description: string, note: string | undefined): CommandOption {
  return { flags, description: note === undefined ? description : `${description}; ${note}` };
}
