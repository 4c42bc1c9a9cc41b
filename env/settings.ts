/** What the process environment may set. It is read here and nowhere else. */
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import { z } from 'zod';
import { UserError } from './errors.ts';

const flag = z
  .string()
  .optional()
  .transform((value) => value !== undefined && value !== '' && value !== '0' && value !== 'false');

const settingsSchema = z.object({
  DUOLOOP_BACKEND: z
    .enum(['auto', 'native', 'wasm', 'cpu'])
    .default('auto')
    .describe('The tensor backend: native, wasm or cpu; auto, the default, takes the first of them that works.'),
  DUOLOOP_DEBUG: flag.describe('1: stack traces with errors.'),
  CI: flag.describe('Set by CI systems: there, what would be a fallback for a user is a failure.'),
  XDG_CACHE_HOME: z
    .string()
    .optional()
    .describe('Holds the folder duoloop with downloads and builds that survive a new checkout; ~/.cache when not set.'),
  KUBECONFIG: z
    .string()
    .optional()
    .describe('Files with clusters and users, joined as kubectl reads them; ~/.kube/config when not set.'),
  DUOLOOP_BIN_DIR: z.string().optional().describe("A folder with a control plane's programs, for the lab."),
  KUBEBUILDER_ASSETS: z.string().optional().describe('The same, as envtest and its setup tool name it.'),
  PATH: z
    .string()
    .optional()
    .describe("Where programs are looked for after those folders, before Duoloop's own cache."),
  KUBERNETES_SERVICE_HOST: z.string().optional().describe('Set by Kubernetes in every pod: where its API server is.'),
  KUBERNETES_SERVICE_PORT: z.string().optional().describe('Set by Kubernetes in every pod, beside it.'),
  GROUP_FILE: z
    .string()
    .optional()
    .describe('As the Coordinated Scaling Operator names it: the file of duoloop groups import, where it is left out.'),
  NAMESPACE: z.string().optional().describe('Of the same: --namespace of duoloop groups import.'),
  APP_NAME: z.string().optional().describe('Of the same: --app-name of duoloop groups import.'),
  ACTION_INTERVAL: z.string().optional().describe('Of the same: --action-interval of duoloop groups import.'),
});

/** For the reference: what the environment may set, in the order above. */
export const environmentVariables: readonly { readonly name: string; readonly description: string }[] = Object.entries(
  settingsSchema.shape,
).map(([name, { description = '' }]) => ({ name, description }));

export interface Settings {
  readonly tensorBackend: 'auto' | 'native' | 'wasm' | 'cpu';
  readonly debug: boolean;
  readonly continuousIntegration: boolean;
  /** Where downloads and builds are kept that survive a new checkout. */
  readonly cacheFolder: string;
  readonly kubeconfigFiles: readonly string[];
  /** Folders in which the user keeps a control plane's programs, the first looked at first. */
  readonly binaryFolders: readonly string[];
  /** The folders of PATH. */
  readonly searchPath: readonly string[];
  /** The API server of the cluster that this process is a pod of. */
  readonly apiServerOfPod: string;
  /** As typed, each to be checked by whoever uses it; undefined when empty. */
  readonly coordinatedScaling: {
    readonly groupFile: string | undefined;
    readonly namespace: string | undefined;
    readonly appName: string | undefined;
    readonly actionInterval: string | undefined;
  };
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
  const { DUOLOOP_BACKEND, DUOLOOP_DEBUG, CI, XDG_CACHE_HOME, KUBECONFIG, DUOLOOP_BIN_DIR, KUBEBUILDER_ASSETS, PATH } =
    parsed.data;
  // The XDG specification says that a relative path is to be ignored.
  const cacheHome =
    XDG_CACHE_HOME !== undefined && isAbsolute(XDG_CACHE_HOME) ? XDG_CACHE_HOME : join(homedir(), '.cache');
  return {
    tensorBackend: DUOLOOP_BACKEND,
    debug: DUOLOOP_DEBUG,
    continuousIntegration: CI,
    cacheFolder: join(cacheHome, 'duoloop'),
    kubeconfigFiles: KUBECONFIG ? KUBECONFIG.split(delimiter).filter(Boolean) : [join(homedir(), '.kube', 'config')],
    binaryFolders: [DUOLOOP_BIN_DIR, KUBEBUILDER_ASSETS].filter(isNonEmpty).map((folder) => resolve(folder)),
    searchPath: (PATH ?? '').split(delimiter).filter(isNonEmpty),
    apiServerOfPod: apiServerOfPod(parsed.data.KUBERNETES_SERVICE_HOST, parsed.data.KUBERNETES_SERVICE_PORT),
    coordinatedScaling: {
      groupFile: parsed.data.GROUP_FILE || undefined,
      namespace: parsed.data.NAMESPACE || undefined,
      appName: parsed.data.APP_NAME || undefined,
      actionInterval: parsed.data.ACTION_INTERVAL || undefined,
    },
  };
}

/** The name that every cluster's DNS knows, where the variables were switched off. */
function apiServerOfPod(host: string | undefined, port = '443'): string {
  if (!isNonEmpty(host)) return 'https://kubernetes.default.svc';
  return `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function isNonEmpty(value: string | undefined): value is string {
  return value !== undefined && value !== '';
}

let parsedOnce: Settings | undefined;

/** The settings of this process, parsed at the first call. */
export function settings(): Settings {
  parsedOnce ??= parseSettings(process.env);
  return parsedOnce;
}

/** The environment for a program that this process starts: its own, with changes. */
export function childEnvironment(changes: Readonly<Record<string, string>>): Record<string, string | undefined> {
  return { ...process.env, ...changes };
}
