/** Finds, reads and checks app models. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { firstFaults, parseBoundedJson } from '../bounded-json.ts';
import { UserError } from '../errors.ts';
import { type AppModel, appModelSchema, appModelVersion } from './app-model.ts';

export const shippedApps = ['frontend', 'teastore', 'boutique', 'boutique-moving'] as const;

/** Enough for 64 services with a call between any two of them, or for 300 curves of 40 points. */
const modelBounds = { characters: 16 * 1024 * 1024, values: 50_000, depth: 16 };

/** Reads a shipped app model by name, or one from a file. Throws UserError. */
export async function loadApp(nameOrFile: string): Promise<AppModel> {
  const shipped = (shippedApps as readonly string[]).includes(nameOrFile);
  const file = shipped ? new URL(`./${nameOrFile}.json`, import.meta.url) : nameOrFile;
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new UserError(
      'APP_UNREADABLE',
      `app model ${nameOrFile}: no such shipped app (${shippedApps.join(', ')}) and no readable file of that name`,
      { cause },
    );
  }
  return parseApp(text, nameOrFile);
}

/** Parses app model JSON; `origin` names it in errors. */
export function parseApp(text: string, origin: string): AppModel {
  let value: unknown;
  try {
    value = parseBoundedJson(text, modelBounds);
  } catch (cause) {
    if (cause instanceof RangeError) {
      throw new UserError('APP_INVALID', `app model ${origin} ${cause.message}; no application needs as many`, {
        cause,
      });
    }
    throw new UserError('APP_INVALID', `app model ${origin}: not JSON (${(cause as Error).message})`, { cause });
  }
  const version = (value as { version?: unknown } | null)?.version;
  if (version !== appModelVersion) {
    throw new UserError(
      'APP_VERSION',
      `app model ${origin}: version ${JSON.stringify(version)?.slice(0, 40)} is not supported; this Duoloop reads version ${appModelVersion}. Calibrate the app again, or use the Duoloop that wrote it`,
    );
  }
  const parsed = appModelSchema.safeParse(value);
  if (!parsed.success)
    throw new UserError('APP_INVALID', `app model ${origin}:\n${z.prettifyError(firstFaults(parsed.error))}`);
  return parsed.data;
}

/** sha256 of the app model's content, independent of formatting. */
export function appHash(app: AppModel): string {
  return createHash('sha256').update(JSON.stringify(app)).digest('hex');
}
