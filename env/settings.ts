/** What the process environment may set. It is read here and nowhere else. */
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { UserError } from './errors.ts';

const flag = z
  .string()
  .optional()
  .transform((value) => value !== undefined && value !== '' && value !== '0' && value !== 'false');

const settingsSchema = z.object({
  /** The tensor backend to try first; `auto` is native, then wasm, then cpu. */
  DUOLOOP_BACKEND: z.enum(['auto', 'native', 'wasm', 'cpu']).default('auto'),
  /** Stack traces with errors. */
  DUOLOOP_DEBUG: flag,
  /** Set by CI systems: there, what would be a fallback for a user is a failure. */
  CI: flag,
  XDG_CACHE_HOME: z.string().optional(),
  /** Paths joined by the system's delimiter, as kubectl reads it. */
  KUBECONFIG: z.string().optional(),
});

export interface Settings {
  readonly tensorBackend: 'auto' | 'native' | 'wasm' | 'cpu';
  readonly debug: boolean;
  readonly continuousIntegration: boolean;
  /** Where downloads and builds are kept that survive a new checkout. */
  readonly cacheFolder: string;
  readonly kubeconfigFiles: readonly string[];
}

/** @throws UserError `settings.invalid` naming the variable. */
export function parseSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const parsed = settingsSchema.safeParse(environment);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const variable = String(issue.path[0]);
    throw new UserError(
      'settings.invalid',
      `${variable}="${environment[variable]}" in the environment: ${issue.message}; correct or unset it`,
      { cause: parsed.error },
    );
  }
  const { DUOLOOP_BACKEND, DUOLOOP_DEBUG, CI, XDG_CACHE_HOME, KUBECONFIG } = parsed.data;
  // The XDG specification says that a relative path is to be ignored.
  const cacheHome =
    XDG_CACHE_HOME !== undefined && isAbsolute(XDG_CACHE_HOME) ? XDG_CACHE_HOME : join(homedir(), '.cache');
  return {
    tensorBackend: DUOLOOP_BACKEND,
    debug: DUOLOOP_DEBUG,
    continuousIntegration: CI,
    cacheFolder: join(cacheHome, 'duoloop'),
    kubeconfigFiles: KUBECONFIG ? KUBECONFIG.split(delimiter).filter(Boolean) : [join(homedir(), '.kube', 'config')],
  };
}

let parsedOnce: Settings | undefined;

/** The settings of this process, parsed at the first call. */
export function settings(): Settings {
  parsedOnce ??= parseSettings(process.env);
  return parsedOnce;
}
