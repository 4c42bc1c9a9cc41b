/** The options of `duoloop compare --live`, and what it does. */
import { z } from 'zod';
import type { AppModel } from '../../env/apps/app-model.ts';
import {
  durationSchema,
  namedPresets,
  presetOption,
  prometheusFields,
  prometheusOptions,
  rateWindowOption,
} from '../../env/cluster/command-options.ts';
import { connectPrometheus } from '../../env/cluster/connect-prometheus.ts';
import { presetQueries } from '../../env/cluster/live/presets.ts';
import { PrometheusError } from '../../env/cluster/prometheus.ts';
import type { CommandContext, CommandOption } from '../../env/command.ts';
import { UserError } from '../../env/errors.ts';
import { escapeHtml } from '../../env/report/page.ts';
import { compareFromPrometheus, type LiveContestant } from './prometheus-comparison.ts';
import { prepareLiveReport, writeLiveReport } from './write-live-report.ts';

export const liveOptions: readonly CommandOption[] = [
  {
    flags: '--live',
    description: 'compares namespaces of a cluster that serve the application side by side, instead of simulating',
  },
  ...prometheusOptions('only with --live'),
  { flags: '--namespaces <policy=namespace...>', description: 'with --live: what to call each, and where it is' },
  { flags: '--range <duration>', description: 'with --live: how far back, such as 2h or 7d (default: 2h)' },
  { flags: '--step <duration>', description: 'with --live: between two moments (default: 15s)' },
  rateWindowOption('only with --live (default: four steps)'),
  presetOption(namedPresets, 'only with --live (default: istio)'),
];

const contestant = z.string().transform((text, context): LiveContestant => {
  const [, policy, namespace] = /^([^=]+)=([a-z0-9][-a-z0-9]{0,62})$/.exec(text) ?? [];
  if (policy !== undefined) return { policy, namespace };
  context.addIssue({ code: 'custom', message: `"${text}" is not policy=namespace; write it like hpa=shop-a` });
  return z.NEVER;
});

export const liveFields = {
  live: z.boolean().default(false),
  ...prometheusFields,
  namespaces: z.array(contestant).min(1).optional(),
  range: durationSchema.optional(),
  step: durationSchema.optional(),
  rateWindow: durationSchema.optional(),
  preset: z.enum(namedPresets).optional(),
};

type LiveFields = z.infer<z.ZodObject<typeof liveFields>>;
type SimulatedField = 'trace' | 'policy' | 'capacity' | 'coldStart' | 'metricLag';
type Input = LiveFields & Readonly<Partial<Record<SimulatedField, unknown>>>;

const simulatedFields: readonly SimulatedField[] = ['trace', 'policy', 'capacity', 'coldStart', 'metricLag'];
const liveOnly = ['prometheus', 'prometheusTokenFile', 'namespaces', 'range', 'step', 'rateWindow', 'preset'] as const;

/** Which options go with `--live` and which without it. */
export function checkLiveFields(input: Input, context: z.RefinementCtx): void {
  const refuse = (field: string, message: string) => context.addIssue({ code: 'custom', path: [field], message });
  const needed = input.live ? (['prometheus', 'namespaces'] as const) : (['trace', 'policy'] as const);
  for (const field of needed) {
    if (input[field] === undefined) refuse(field, input.live ? 'is needed with --live' : 'is needed without --live');
  }
  for (const field of input.live ? simulatedFields : liveOnly) {
    if (input[field] !== undefined)
      refuse(field, input.live ? 'belongs to the simulator; leave it out with --live' : 'needs --live');
  }
}

interface Output {
  readonly json?: string;
  readonly series?: string;
  readonly html?: string;
}

/** @throws UserError of what is wrong with the options, or with what Prometheus has */
export async function compareLive(app: AppModel, input: LiveFields & Output, context: CommandContext): Promise<number> {
  const { prometheus: url = '', namespaces: contestants = [], preset = 'istio', range = 7200, step = 15 } = input;
  const policies = contestants.map(({ policy }) => policy);
  const repeated = policies.find((policy, i) => policies.indexOf(policy) !== i);
  if (repeated !== undefined)
    throw new UserError('REPEATED', `--namespaces names ${repeated} twice; call each differently`);
  await prepareLiveReport(input);
  const toSecond = Math.floor(Date.now() / 1000 / step) * step;
  try {
    const { rows, series, remarks } = await compareFromPrometheus({
      app,
      contestants,
      prometheus: await connectPrometheus({ url, timeoutSeconds: 120, tokenFile: input.prometheusTokenFile }),
      queries: presetQueries(preset),
      fromSecond: toSecond - range,
      toSecond,
      stepSeconds: step,
      rateWindowSeconds: input.rateWindow ?? 4 * step,
      signal: context.signal,
    });
    for (const remark of remarks) context.log(`note: ${remark}`);
    await writeLiveReport({ app, rows, series, capacity: [], sections: remarkSections(remarks) }, input, context);
    return 0;
  } catch (error) {
    if (!(error instanceof PrometheusError)) throw error;
    throw new UserError('live.prometheus', `--prometheus ${url}: ${error.message}`, { cause: error });
  }
}

function remarkSections(remarks: readonly string[]): string[] {
  if (remarks.length === 0) return [];
  const items = remarks.map((remark) => `<li>${escapeHtml(remark)}</li>`).join('');
  return [`<section><h2>What is not known, or not fair</h2><ul>${items}</ul></section>`];
}
