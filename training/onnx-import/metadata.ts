/** What duoloop_gym notes in the files that it exports, so that an import need not be told. */
import { z } from 'zod';
import type { ActionHead } from '../../env/contract.ts';
import { UserError } from '../../env/errors.ts';

/** Of the notes' meaning. */
const formatVersion = '1';

const fromJson = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'is not JSON' });
    return z.NEVER;
  }
});

const metadataSchema = z.object({
  'duoloop.format': z.literal(formatVersion, {
    error: `is not ${formatVersion}, the only one that this Duoloop reads`,
  }),
  'duoloop.app': z.string().min(1),
  'duoloop.interval_seconds': z.coerce.number().int().min(1),
  'duoloop.observation_names': fromJson.pipe(z.array(z.string()).min(1)),
  'duoloop.action_heads': fromJson.pipe(z.array(z.object({ name: z.string(), choices: z.array(z.string()).min(2) }))),
  'duoloop.trained_by': z.string().optional(),
});

export interface ActorMetadata {
  /** Name of the app model. */
  readonly app: string;
  readonly intervalSeconds: number;
  readonly observationNames: readonly string[];
  readonly actionHeads: readonly ActionHead[];
  /** "stable-baselines3 2.9.2 PPO" */
  readonly trainedBy: string | undefined;
}

/** Undefined for a file of other exporters. @throws UserError `ONNX_METADATA` */
export function readMetadata(metadata: ReadonlyMap<string, string>, origin: string): ActorMetadata | undefined {
  if (!metadata.has('duoloop.format')) return undefined;
  const parsed = metadataSchema.safeParse(Object.fromEntries(metadata));
  if (!parsed.success) {
    throw new UserError(
      'ONNX_METADATA',
      `${origin}: its notes cannot be used; export it with the duoloop_gym of this version:\n${z.prettifyError(parsed.error)}`,
      { cause: parsed.error },
    );
  }
  const { data } = parsed;
  return {
    app: data['duoloop.app'],
    intervalSeconds: data['duoloop.interval_seconds'],
    observationNames: data['duoloop.observation_names'],
    actionHeads: data['duoloop.action_heads'],
    trainedBy: data['duoloop.trained_by'],
  };
}

export interface Expected {
  readonly app: string;
  readonly intervalSeconds: number;
  readonly observationNames: readonly string[];
  readonly actionHeads: readonly ActionHead[];
}

/** @throws UserError `ONNX_METADATA` naming the first difference between what the actor was trained on and what it is imported for */
export function checkMetadata(theirs: ActorMetadata, ours: Expected, origin: string): void {
  const fail = (what: string, remedy: string): never => {
    throw new UserError('ONNX_METADATA', `${origin}: ${what}; ${remedy}`);
  };
  if (theirs.app !== ours.app) {
    fail(`it was trained on the app model ${theirs.app}, not on ${ours.app}`, 'name that one by --app');
  }
  if (theirs.intervalSeconds !== ours.intervalSeconds) {
    fail(
      `it was trained to decide every ${theirs.intervalSeconds} s, not every ${ours.intervalSeconds} s`,
      'leave --interval out',
    );
  }
  const names = difference(theirs.observationNames, ours.observationNames);
  if (names) fail(`observation ${names}`, "train it again on this version of Duoloop's environment");
  const heads = difference(theirs.actionHeads.map(headText), ours.actionHeads.map(headText));
  if (heads)
    fail(`action head ${heads}`, 'train it again on this application, or give the loop that it acted over by --loop');
}

function difference(theirs: readonly string[], ours: readonly string[]): string | undefined {
  const length = Math.max(theirs.length, ours.length);
  const at = Array.from({ length }, (_, i) => i).find((i) => theirs[i] !== ours[i]);
  return at === undefined
    ? undefined
    : `${at + 1} of what it was trained on is ${theirs[at] ?? 'missing'}, of this application it is ${ours[at] ?? 'missing'}`;
}

const headText = ({ name, choices }: ActionHead) => `${name} (${choices.join(', ')})`;
