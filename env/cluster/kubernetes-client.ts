/**
 * The Kubernetes API as raw JSON. The client library's generated calls are not used: they drop what their models do not
 * know, and cost more time and memory (docs/decisions/0008-operator-runtime.md has the figures).
 */
import { UserError } from '../errors.ts';
import { type KubeConnection, readKubeConnection } from './kube-context.ts';
import {
  type KubernetesApi,
  KubernetesError,
  type ObjectList,
  type ResourceType,
  type WriteOptions,
} from './kubernetes-api.ts';
import { createCredentialSource } from './kubernetes-credentials.ts';
import { type ApiTransport, type CallRecord, createTransport } from './kubernetes-transport.ts';
import { type WatchOptions, type WatchTiming, watchOnce } from './kubernetes-watch.ts';

export type { CallRecord };

export interface ConnectOptions {
  /** Those of KUBECONFIG or ~/.kube/config unless given; without any, the service account of the pod. */
  readonly kubeconfigFiles?: readonly string[];
  /** Instead of the kubeconfig's current context. */
  readonly context?: string;
  /** A bearer token instead of the kubeconfig's user. */
  readonly token?: string;
  /** Calls at once; more brought no throughput (60 scale patches/s one at a time, 120 at 10, and a p99 of 0.9 s at 50). */
  readonly inFlight?: number;
  readonly timeoutSeconds?: number;
  readonly userAgent?: string;
  /**
   * A watch is asked to last between `min` and `max`, at random, so that those of many caches do not end together; one that
   * has not ended `grace` after that is given up.
   */
  readonly watchSeconds?: { readonly min: number; readonly max: number; readonly grace: number };
  readonly random?: () => number;
  /** Told of every call. */
  readonly onCall?: (call: CallRecord) => void;
  /** Asked at the last moment before each write; when false it fails with reason `NotAllowed`. */
  readonly mayWrite?: () => boolean;
}

/** Objects per page of a list. */
const pageSize = 500;

/**
 * Reads configuration and credentials; sends nothing yet.
 * @throws UserError when there is no usable kubeconfig.
 */
export async function connectKubernetes(options: ConnectOptions = {}): Promise<KubernetesApi> {
  const connection = await findConnection(options);
  const credentials = createCredentialSource(connection);
  try {
    await credentials.read();
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    const message = `${connection.source}: credentials of context ${connection.name}: ${(cause as Error).message}`;
    throw new UserError('KUBECONFIG_INVALID', message, { cause });
  }
  const transport = createTransport({
    server: connection.server,
    credentials,
    inFlight: options.inFlight ?? 10,
    timeoutSeconds: options.timeoutSeconds ?? 10,
    userAgent: options.userAgent ?? 'duoloop',
    onCall: options.onCall,
    mayWrite: options.mayWrite,
  });
  const { min, max, grace } = options.watchSeconds ?? { min: 300, max: 600, grace: 15 };
  const random = options.random ?? Math.random;
  return createKubernetesApi(connection.server, transport, () => ({
    timeoutSeconds: Math.round(min + random() * (max - min)),
    graceSeconds: grace,
  }));
}

async function findConnection({ kubeconfigFiles, context, token }: ConnectOptions): Promise<KubeConnection> {
  const connection = await readKubeConnection({ files: kubeconfigFiles, context });
  if (connection === undefined) {
    const where = kubeconfigFiles?.join(', ') ?? 'KUBECONFIG or ~/.kube/config';
    throw new UserError(
      'KUBECONFIG_MISSING',
      `no current context in ${where}, and this is not a pod with a service account; set KUBECONFIG or name a file`,
    );
  }
  return token === undefined ? connection : { ...connection, user: { token } };
}

function createKubernetesApi(server: string, transport: ApiTransport, nextWatch: () => WatchTiming): KubernetesApi {
  const types = new Map<string, ResourceType>();
  const send = async <T>(...[request]: Parameters<ApiTransport['send']>) => (await transport.send(request)) as T;

  const api: KubernetesApi = {
    server,
    get: async (type, namespace, name, options) =>
      send({ method: 'GET', path: pathOf(type, namespace, name, options?.subresource), signal: options?.signal }),

    async list<T>(type: ResourceType, options: Parameters<KubernetesApi['list']>[1] = {}) {
      const { labelSelector, fieldSelector, signal } = options;
      const page = (limit: number | undefined, continueToken: string | undefined) =>
        send<ListAnswer<T>>({
          method: 'GET',
          path:
            pathOf(type, options.namespace) + queryOf({ labelSelector, fieldSelector, limit, continue: continueToken }),
          signal,
        });
      return collectPages(type, page);
    },

    async watch(type, options, onEvent) {
      const timing = nextWatch();
      await watchOnce(transport, watchPathOf(type, options, timing), timing, options.signal, onEvent);
    },

    create: async (type, namespace, body, options) =>
      send({ method: 'POST', path: pathOf(type, namespace) + writeQuery(options), body, signal: options?.signal }),

    replace: async (type, body, options) =>
      send({ method: 'PUT', path: pathOfObject(type, body, options), body, signal: options?.signal }),

    apply: async (type, body, options) =>
      send({
        method: 'PATCH',
        path: pathOfObject(type, body, options, { force: options.force ?? true }),
        body,
        contentType: 'application/apply-patch+yaml',
        signal: options.signal,
      }),

    mergePatch: async (type, namespace, name, body, options) =>
      send({
        method: 'PATCH',
        path: pathOf(type, namespace, name, options?.subresource) + writeQuery(options),
        body,
        contentType: 'application/merge-patch+json',
        signal: options?.signal,
      }),

    jsonPatch: async (type, namespace, name, body, options) =>
      send({
        method: 'PATCH',
        path: pathOf(type, namespace, name, options?.subresource) + writeQuery(options),
        body,
        contentType: 'application/json-patch+json',
        signal: options?.signal,
      }),

    async delete(type, namespace, name, options) {
      const { propagationPolicy, signal } = options ?? {};
      await send({ method: 'DELETE', path: pathOf(type, namespace, name) + queryOf({ propagationPolicy }), signal });
    },

    async typeOf(apiVersion, kind) {
      const key = `${apiVersion}/${kind}`;
      const known = types.get(key);
      if (known) return known;
      const path = groupPathOf(apiVersion);
      const { resources } = await send<{ resources: { name: string; kind: string; namespaced: boolean }[] }>({
        method: 'GET',
        path,
      });
      const found = resources.find((resource) => resource.kind === kind && !resource.name.includes('/'));
      if (!found) throw new KubernetesError(404, 'NotFound', `${apiVersion} has no kind ${kind}`);
      const type = { apiVersion, kind, plural: found.name, namespaced: found.namespaced };
      types.set(key, type);
      return type;
    },

    getPath: (path, signal) => send({ method: 'GET', path, signal }),
  };
  return api;
}

interface ListAnswer<T> {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: T[] | null;
}

async function collectPages<T>(
  type: ResourceType,
  page: (limit: number | undefined, continueToken: string | undefined) => Promise<ListAnswer<T>>,
): Promise<ObjectList<T>> {
  const items: T[] = [];
  let answer = await page(pageSize, undefined);
  const addPage = () => {
    for (const item of answer.items ?? []) {
      // Items of built-in types come without: whoever handles one alone needs it.
      items.push({ ...item, apiVersion: type.apiVersion, kind: type.kind });
    }
  };
  addPage();
  while (answer.metadata.continue) {
    try {
      answer = await page(pageSize, answer.metadata.continue);
    } catch (error) {
      if (!(error instanceof KubernetesError) || error.status !== 410) throw error;
      // The version that the pages are of was compacted away: everything at once, then.
      items.length = 0;
      answer = await page(undefined, undefined);
    }
    addPage();
  }
  return { items, resourceVersion: answer.metadata.resourceVersion };
}

/** A group and a version. Whoever may name a kind in an object of theirs must not lead a request elsewhere by its path. */
const apiVersionPattern = /^([a-z0-9]([-.a-z0-9]*[a-z0-9])?\/)?v[a-z0-9]+$/;

function groupPathOf(apiVersion: string): string {
  if (!apiVersionPattern.test(apiVersion)) {
    throw new KubernetesError(400, 'BadRequest', `${JSON.stringify(apiVersion)} is no apiVersion such as apps/v1`);
  }
  return apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

function pathOf(type: ResourceType, namespace?: string, name?: string, subresource?: string): string {
  if (type.namespaced && name !== undefined && !namespace) {
    throw new KubernetesError(400, 'BadRequest', `${type.kind} ${name}: its namespace is missing`);
  }
  const scope = type.namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  const object = name === undefined ? '' : `/${encodeURIComponent(name)}`;
  return `${groupPathOf(type.apiVersion)}${scope}/${type.plural}${object}${subresource ? `/${subresource}` : ''}`;
}

function pathOfObject(type: ResourceType, object: object, options?: WriteOptions, query?: { force: boolean }): string {
  const { name, namespace } = (object as { metadata?: { name?: string; namespace?: string } }).metadata ?? {};
  if (!name) throw new KubernetesError(400, 'BadRequest', `${type.kind} to write: metadata.name is missing`);
  return pathOf(type, namespace, name, options?.subresource) + writeQuery(options, query);
}

function watchPathOf(type: ResourceType, options: WatchOptions, { timeoutSeconds }: WatchTiming): string {
  const { namespace, labelSelector, resourceVersion } = options;
  const query = { watch: true, allowWatchBookmarks: true, labelSelector, resourceVersion, timeoutSeconds };
  return pathOf(type, namespace) + queryOf(query);
}

function writeQuery(options?: WriteOptions, more?: { force: boolean }): string {
  return queryOf({ fieldManager: options?.fieldManager, dryRun: options?.dryRun ? 'All' : undefined, ...more });
}

function queryOf(parameters: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== '') query.set(name, String(value));
  }
  const text = query.toString();
  return text && `?${text}`;
}
