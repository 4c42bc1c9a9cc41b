/** `duoloop explain closedloop/NAME`: why a closed loop did or did not scale. */
import { z } from 'zod';
import { clusterConnection, clusterFields, clusterOptions } from '../env/cluster/command-options.ts';
import { readKubeConnection } from '../env/cluster/kube-context.ts';
import { isNotFound, type KubernetesApi, KubernetesError, resourceTypes } from '../env/cluster/kubernetes-api.ts';
import { connectKubernetes } from '../env/cluster/kubernetes-client.ts';
import { defineCommand } from '../env/command.ts';
import { UserError } from '../env/errors.ts';
import { selects } from '../policies/deliberation/selection.ts';
import type { ClosedLoop } from '../policies/resources/closed-loop.ts';
import type { DeliberativeLoop } from '../policies/resources/deliberative-loop.ts';
import { explain, type TargetSize } from './closed-loop/explain.ts';
import { explanationText } from './closed-loop/explain-text.ts';

const kinds = ['closedloop', 'closedloops', 'cl', 'closedloop.duoloop.dev', 'closedloops.duoloop.dev'];

export const command = defineCommand({
  examples: ['duoloop explain closedloop/web', 'duoloop explain closedloop/web -n shop --json'],
  arguments: [{ name: '<closedloop>', description: 'closedloop/NAME' }],
  options: [
    { flags: '-n, --namespace <name>', description: "namespace (the context's, or default)" },
    ...clusterOptions,
    { flags: '--json', description: 'print the explanation as JSON' },
  ],
  schema: z.object({
    closedloop: z.string(),
    namespace: z.string().optional(),
    ...clusterFields,
    json: z.boolean().default(false),
  }),
  async run({ closedloop, json, ...input }, { print, signal }) {
    const name = nameOf(closedloop);
    const cluster = clusterConnection(input);
    const connection = await readKubeConnection({ files: cluster.kubeconfigFiles, context: cluster.context });
    const namespace = input.namespace ?? connection?.namespace ?? 'default';
    const api = await connectKubernetes(cluster);
    const now = Date.now() / 1000;
    const explanation = explain({ ...(await look(api, namespace, name, signal)), now });
    print(json ? JSON.stringify(explanation, null, 2) : explanationText(explanation, now));
    return 0;
  },
});

/** @throws UserError `EXPLAIN_KIND` */
function nameOf(resource: string): string {
  const [kind, name] = resource.includes('/') ? resource.split('/', 2) : ['closedloop', resource];
  if (kinds.includes(kind.toLowerCase()) && name !== '') return name;
  throw new UserError('EXPLAIN_KIND', `"${resource}" cannot be explained; name a closed loop, as closedloop/NAME`);
}

/** @throws UserError `EXPLAIN_NOT_FOUND` with the closed loops that there are, `EXPLAIN_UNAVAILABLE` */
async function look(api: KubernetesApi, namespace: string, name: string, signal: AbortSignal) {
  const closedLoop = await readClosedLoop(api, namespace, name, signal);
  const [target, deliberativeLoops] = await Promise.all([
    readTarget(api, namespace, closedLoop, signal),
    listDeliberativeLoops(api, namespace, signal),
  ]);
  const selecting = deliberativeLoops.filter(({ spec }) => selects(spec.closedLoops, closedLoop.metadata));
  return { closedLoop, target, deliberativeLoops: selecting };
}

async function readClosedLoop(api: KubernetesApi, namespace: string, name: string, signal: AbortSignal) {
  try {
    return await api.get<ClosedLoop>(resourceTypes.closedLoop, namespace, name, { signal });
  } catch (cause) {
    if (!(cause instanceof KubernetesError)) throw cause;
    if (!isNotFound(cause)) {
      const advice =
        cause.status === 0 ? 'see whether the cluster can be reached' : 'see whether you may read closedloops';
      throw new UserError('EXPLAIN_UNAVAILABLE', `${api.server}: ${cause.message}; ${advice}`, { cause });
    }
    throw new UserError('EXPLAIN_NOT_FOUND', await notFoundText(api, namespace, name, signal), { cause });
  }
}

async function notFoundText(api: KubernetesApi, namespace: string, name: string, signal: AbortSignal): Promise<string> {
  try {
    const { items } = await api.list<ClosedLoop>(resourceTypes.closedLoop, { signal });
    if (items.length === 0) return `there is no ClosedLoop in this cluster; create one, or name another with --context`;
    const here = items.filter(({ metadata }) => metadata.namespace === namespace).map(({ metadata }) => metadata.name);
    const elsewhere = items.find(({ metadata }) => metadata.name === name)?.metadata.namespace;
    const advice =
      elsewhere !== undefined
        ? `there is one in namespace ${elsewhere}: add -n ${elsewhere}`
        : here.length > 0
          ? `there are ${here.slice(0, 10).join(', ')}`
          : 'name another namespace with -n';
    return `there is no ClosedLoop "${name}" in namespace ${namespace}; ${advice}`;
  } catch (error) {
    if (!isNotFound(error))
      return `there is no ClosedLoop "${name}" in namespace ${namespace}; name another, or its namespace with -n`;
    return 'this cluster does not know ClosedLoops; install the definitions of manifests/crds first';
  }
}

/** Undefined: not there; a text: why it could not be read. */
async function readTarget(
  api: KubernetesApi,
  namespace: string,
  { spec }: ClosedLoop,
  signal: AbortSignal,
): Promise<TargetSize | string | undefined> {
  const { apiVersion = 'apps/v1', kind = 'Deployment', name } = spec.targetRef;
  try {
    const type = await api.typeOf(apiVersion, kind);
    const object = await api.get<TargetObject>(type, namespace, name, { signal });
    const scale = await api.get<TargetObject>(type, namespace, name, { subresource: 'scale', signal });
    // A group's status.replicas are its complete sets that are ready.
    const ready = kind === 'ScalingGroup' ? object.status?.replicas : object.status?.readyReplicas;
    return { replicas: scale.spec?.replicas ?? 0, ready: ready ?? (object.status === undefined ? undefined : 0) };
  } catch (error) {
    return isNotFound(error) ? undefined : (error as Error).message;
  }
}

interface TargetObject {
  readonly spec?: { readonly replicas?: number };
  readonly status?: { readonly replicas?: number; readonly readyReplicas?: number };
}

/** Without the right to read them the rest is still worth telling. */
async function listDeliberativeLoops(api: KubernetesApi, namespace: string, signal: AbortSignal) {
  try {
    return (await api.list<DeliberativeLoop>(resourceTypes.deliberativeLoop, { namespace, signal })).items;
  } catch (error) {
    if (error instanceof KubernetesError && (error.status === 403 || error.status === 404)) return [];
    throw error;
  }
}
