/** Which Kubernetes cluster this process would talk to, and as whom: the kubeconfig files, or the service account of a pod. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { delimiter, dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { UserError } from '../errors.ts';
import { settings } from '../settings.ts';

export interface KubeContext {
  readonly name: string;
  readonly cluster: string;
  readonly server: string;
  /** The files read, or the service account of a pod. */
  readonly source: string;
}

const clusterSchema = z.looseObject({
  server: z.url({ protocol: /^https?$/ }),
  'certificate-authority': z.string().optional(),
  'certificate-authority-data': z.string().optional(),
  'insecure-skip-tls-verify': z.boolean().optional(),
  'tls-server-name': z.string().optional(),
  'proxy-url': z.string().optional(),
});
const userSchema = z.looseObject({
  token: z.string().optional(),
  tokenFile: z.string().optional(),
  'client-certificate': z.string().optional(),
  'client-certificate-data': z.string().optional(),
  'client-key': z.string().optional(),
  'client-key-data': z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  as: z.string().optional(),
  exec: z.looseObject({ command: z.string() }).nullish(),
  'auth-provider': z.looseObject({ name: z.string() }).nullish(),
});
const contextSchema = z.looseObject({
  cluster: z.string(),
  user: z.string().optional(),
  namespace: z.string().optional(),
});

/** kubectl writes `null` where a list is empty. */
const named = <T extends z.ZodType>(key: string, schema: T) =>
  z
    .array(z.looseObject({ name: z.string(), [key]: schema }))
    .nullish()
    .transform((entries) => new Map((entries ?? []).map((entry) => [String(entry.name), entry[key] as z.infer<T>])));
const fileSchema = z.looseObject({
  'current-context': z.string().nullish(),
  clusters: named('cluster', clusterSchema),
  users: named('user', userSchema),
  contexts: named('context', contextSchema),
});

export type KubeCluster = z.infer<typeof clusterSchema>;
export type KubeUser = z.infer<typeof userSchema>;

/** A context with what it refers to. Paths are absolute. */
export interface KubeConnection extends KubeContext {
  readonly clusterEntry: KubeCluster;
  readonly user: KubeUser;
  readonly namespace: string | undefined;
}

const serviceAccountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';

export interface KubeContextOptions {
  /** Later files add what earlier ones do not define, as with kubectl; absent ones are passed over. */
  readonly files?: readonly string[];
  /** Instead of the current context. */
  readonly context?: string;
}

/**
 * The context to use, by the rules of kubectl (KUBECONFIG, ~/.kube/config) and in a pod without a kubeconfig its service
 * account; undefined when there is none.
 * @throws UserError when a kubeconfig cannot be read or its context leads nowhere.
 */
export async function readKubeConnection(options: KubeContextOptions = {}): Promise<KubeConnection | undefined> {
  const files = (options.files ?? settings().kubeconfigFiles).filter((file) => existsSync(file));
  if (files.length === 0) return existsSync(`${serviceAccountFolder}/token`) ? serviceAccount() : undefined;
  const contents = await Promise.all(files.map(readKubeconfigFile));
  const source = files.join(delimiter);
  const find = <T>(kind: string, name: string, lists: readonly Map<string, T>[]): T => {
    const entry = lists.find((list) => list.has(name))?.get(name);
    if (entry !== undefined) return entry;
    const known = lists.flatMap((list) => [...list.keys()]).join(', ') || 'none';
    throw new UserError(
      'KUBECONFIG_INVALID',
      `${source} has no ${kind} "${name}" (it has: ${known}); name another one`,
    );
  };
  const name = options.context ?? contents.map((content) => content['current-context']).find(Boolean);
  if (!name) return undefined;
  const context = find(
    'context',
    name,
    contents.map(({ contexts }) => contexts),
  );
  const clusterEntry = find(
    'cluster',
    context.cluster,
    contents.map(({ clusters }) => clusters),
  );
  const user =
    context.user === undefined
      ? {}
      : find(
          'user',
          context.user,
          contents.map(({ users }) => users),
        );
  const { cluster, namespace } = context;
  return { name, cluster, server: clusterEntry.server.replace(/\/+$/, ''), source, clusterEntry, user, namespace };
}

/** As `readKubeConnection`, for those who only show it. */
export async function readKubeContext(files?: readonly string[]): Promise<KubeContext | undefined> {
  const connection = await readKubeConnection({ files });
  if (connection === undefined) return undefined;
  const { name, cluster, server, source } = connection;
  return { name, cluster, server, source };
}

async function readKubeconfigFile(file: string): Promise<Kubeconfig> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new UserError('KUBECONFIG_INVALID', `${file}: ${(cause as Error).message}`, { cause });
  }
  return parseKubeconfig(text, file);
}

export type Kubeconfig = z.infer<typeof fileSchema>;

/** @param file for messages, and what relative paths in it are relative to. @throws UserError `KUBECONFIG_INVALID` */
export function parseKubeconfig(text: string, file: string): Kubeconfig {
  let content: unknown;
  try {
    // Its warnings would go to the process' own, whatever the file says.
    content = parse(text, { logLevel: 'error' });
  } catch (cause) {
    throw new UserError('KUBECONFIG_INVALID', `${file}: ${(cause as Error).message}`, { cause });
  }
  const parsed = fileSchema.safeParse(content);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new UserError('KUBECONFIG_INVALID', `${file}: ${issue.path.join('.') || 'content'}: ${issue.message}`, {
      cause: parsed.error,
    });
  }
  const absolute = (entry: Record<string, unknown>, key: string) => {
    if (typeof entry[key] === 'string' && entry[key] !== '') entry[key] = resolve(dirname(file), entry[key]);
  };
  for (const cluster of parsed.data.clusters.values()) absolute(cluster, 'certificate-authority');
  for (const user of parsed.data.users.values()) {
    for (const key of ['client-certificate', 'client-key', 'tokenFile']) absolute(user, key);
  }
  return parsed.data;
}

async function serviceAccount(): Promise<KubeConnection> {
  const server = settings().apiServerOfPod;
  const namespaceFile = `${serviceAccountFolder}/namespace`;
  return {
    name: 'pod',
    cluster: 'pod',
    server,
    source: 'service account',
    clusterEntry: { server, 'certificate-authority': `${serviceAccountFolder}/ca.crt` },
    user: { tokenFile: `${serviceAccountFolder}/token` },
    namespace: existsSync(namespaceFile) ? (await readFile(namespaceFile, 'utf8')).trim() : undefined,
  };
}
