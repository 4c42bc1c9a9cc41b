/** `duoloop calibrate`: a simulator of one's own application, from what was measured of it. */
import { basename } from 'node:path';
import { z } from 'zod';
import { durationSchema } from '../cluster/command-options.ts';
import { type CommandContext, defineCommand } from '../command.ts';
import { UserError } from '../errors.ts';
import { writeFileWhole } from '../files.ts';
import { formatTrace } from '../workload/trace.ts';
import { type Calibration, calibrate } from './calibrate.ts';
import { parseCalls } from './call-graph.ts';
import { type History, onClock } from './history.ts';
import { readHistory } from './history-file.ts';
import { historyFields, historyOptions, readFromPrometheus } from './prometheus-options.ts';
import { renderCalibrationPage } from './report/calibration-page.ts';
import { renderCalibrationText } from './report/calibration-text.ts';

const schema = z
  .object({
    ...historyFields,
    csv: z.string().optional(),
    history: z.string().optional(),
    out: z.string(),
    trace: z.string(),
    html: z.string().optional(),
    json: z.string().optional(),
    sla: z.coerce.number().positive().optional(),
    name: z
      .string()
      .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be of lower-case letters, digits and hyphens')
      .optional(),
    calls: z.array(z.string()).default([]),
    coldStart: z.coerce.number().min(0).optional(),
    maxGap: durationSchema.prefault('5m'),
    timeScale: z.coerce.number().positive().default(1),
    epoch: z.coerce.number().default(0),
    seed: z.coerce.number().int().min(0).default(1),
  })
  .refine(
    ({ prometheus, csv, history }) => [prometheus, csv, history].filter((one) => one !== undefined).length === 1,
    {
      path: ['prometheus'],
      message: 'or --csv or --history is needed, and only one of them: where the measurements are',
    },
  )
  .refine(({ prometheus, namespace }) => prometheus === undefined || namespace !== undefined, {
    path: ['namespace'],
    message: 'is needed with --prometheus: the namespace of the application',
  });
type Input = z.infer<typeof schema>;

export const command = defineCommand({
  examples: [
    'duoloop calibrate --prometheus http://localhost:9090 --namespace shop --service frontend --range 24h --sla 250 --out app.json --trace trace.csv --html report.html',
    'duoloop calibrate --history week.parquet --service webui auth persistence --calls webui:auth webui:persistence auth:persistence:0.2 --sla 100 --out app.json --trace trace.csv',
    'duoloop calibrate --csv measurements.csv --sla 100 --out app.json --trace trace.csv',
  ],
  options: [
    ...historyOptions,
    {
      flags: '--csv <file>',
      description: 'measurements from a CSV instead: second,service,rps,p95,cpu,memory,ready,…',
    },
    { flags: '--history <file>', description: 'measurements from a file that `duoloop record` wrote instead' },
    { flags: '--out <file>', description: 'app model, for --app of the other commands' },
    { flags: '--trace <file>', description: 'trace CSV of the load' },
    { flags: '--html <file>', description: 'report: fit against data, and where data are too thin to trust' },
    { flags: '--json <file>', description: 'writes everything that was found as JSON; - is stdout' },
    { flags: '--sla <milliseconds>', description: 'the promise: p95 latency at the entry at or below this' },
    { flags: '--name <name>', description: 'of the app model (default: the namespace, else the entry)' },
    {
      flags: '--calls <call...>',
      description: 'who calls whom: from:to, or from:to:visits; else all are taken to be called by the entry',
    },
    { flags: '--cold-start <seconds>', description: 'from ordering a pod until it is ready, instead of what was seen' },
    { flags: '--max-gap <duration>', description: 'gaps in the load up to this are interpolated' },
    { flags: '--time-scale <factor>', description: 'seconds of the application per second: above 1 in a lab' },
    {
      flags: '--epoch <unix-second>',
      description: 'what counts as second 0, for a lab; else 1970 and so midnight UTC',
    },
    { flags: '--seed <n>', description: 'of the bootstrap by which uncertainty is found' },
  ],
  schema,
  async run(input, context) {
    const { history, origin } = await read(input, context);
    const calibration = calibrate(onClock(history, { epochSecond: input.epoch, timeScale: input.timeScale }), {
      name: input.name ?? input.namespace ?? history.services[0].name,
      traceName: basename(input.trace).replace(/\.csv$/i, ''),
      origin,
      slaP95Milliseconds: input.sla,
      coldStartSeconds: input.coldStart,
      calls: parseCalls(input.calls),
      longestGapSeconds: input.maxGap,
      seed: input.seed,
    });
    await write(input, calibration, context);
    if (input.json === '-') context.print(JSON.stringify(calibration));
    else context.print(renderCalibrationText(calibration));
    return 0;
  },
});

async function read(input: Input, context: CommandContext): Promise<{ history: History; origin: string }> {
  const { prometheus, namespace } = input;
  if (prometheus !== undefined && namespace !== undefined) {
    const { history } = await readFromPrometheus({ ...input, prometheus, namespace }, context);
    const end = new Date(1000 * (history.startSecond + history.steps * history.stepSeconds)).toISOString();
    const hours = Number(((history.steps * history.stepSeconds) / 3600).toPrecision(3));
    return { history, origin: `Prometheus, namespace ${namespace}, ${hours} h until ${end.slice(0, 16)}Z` };
  }
  const file = (input.csv ?? input.history) as string;
  const recorded = input.csv === undefined ? await readHistory(file) : await readHistory(file, 'csv');
  const history = input.rateWindow === undefined ? recorded : { ...recorded, rateWindowSeconds: input.rateWindow };
  return { history: chooseServices(history, input.service, file), origin: `file ${basename(file)}` };
}

/** In the order asked for, the entry first. */
function chooseServices(history: History, names: readonly string[], file: string): History {
  if (names.length === 0) return history;
  const services = names.map((name) => {
    const service = history.services.find((one) => one.name === name);
    if (service !== undefined) return service;
    throw new UserError(
      'SERVICE_UNKNOWN',
      `--service ${name}: ${file} has ${history.services.map((one) => one.name).join(', ')}`,
    );
  });
  return { ...history, services };
}

async function write(input: Input, calibration: Calibration, context: CommandContext): Promise<void> {
  const { app, trace } = calibration;
  await writeFileWhole(input.out, `${JSON.stringify(app, null, 2)}\n`);
  await writeFileWhole(input.trace, formatTrace(trace.trace));
  if (input.html !== undefined) {
    await writeFileWhole(input.html, renderCalibrationPage(calibration, context.commandLine));
  }
  const jsonFile = input.json === '-' ? undefined : input.json;
  if (jsonFile !== undefined) await writeFileWhole(jsonFile, `${JSON.stringify(calibration)}\n`);
  const files = [input.out, input.trace, input.html, jsonFile].filter((file) => file !== undefined);
  context.log(`wrote ${files.join(', ')}`);
}
