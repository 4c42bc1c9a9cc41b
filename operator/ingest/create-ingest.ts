/** Where managed systems push to, on every replica: a standby hands pushes on to the leader, whose address is in the lease. */
import type { KubernetesApi } from '../../env/cluster/kubernetes-api.ts';
import type { Runnable } from '../../env/service/run-all.ts';
import type { ClosedLoop } from '../../policies/resources/closed-loop.ts';
import type { PushStore } from '../closed-loop/contract.ts';
import type { OperatorOptions } from '../operator-command.ts';
import type { LeaderElector, OperatorContext, ResourceCache } from '../runtime/contract.ts';
import { createAdmission } from './admission.ts';
import { createForwarder } from './forward.ts';
import { createIngestServer } from './ingest-server.ts';
import { createLeaderAddress } from './leader-address.ts';
import { createIngestMetrics } from './metrics.ts';

export interface IngestOptions {
  readonly options: Pick<OperatorOptions, 'bind' | 'ingestPort' | 'ingestAddress' | 'tlsCert' | 'tlsKey'>;
  /** For reviews of tokens and the lease's annotation. */
  readonly api: KubernetesApi;
  readonly lease: { readonly namespace: string; readonly name: string; readonly identity: string };
  readonly context: Pick<OperatorContext, 'logger' | 'metrics' | 'now'>;
  readonly closedLoops: Pick<ResourceCache<ClosedLoop>, 'get'>;
  readonly elector: Pick<LeaderElector, 'holder' | 'isLeader'>;
  readonly pushStore: PushStore;
}

export interface Ingest {
  readonly server: Runnable;
  /** To be run while leading. */
  readonly announcement: Runnable;
}

export function createIngest({ options, api, lease, context, closedLoops, elector, pushStore }: IngestOptions): Ingest {
  const { bind, ingestPort, ingestAddress, tlsCert, tlsKey } = options;
  const nowSeconds = () => performance.now() / 1000;
  const metrics = createIngestMetrics(context.metrics);
  const { find, announcement } = createLeaderAddress({
    api,
    namespace: lease.namespace,
    leaseName: lease.name,
    identity: lease.identity,
    address: ingestAddress,
    holder: () => elector.holder(),
    nowSeconds,
    logger: context.logger,
  });
  const server = createIngestServer({
    host: bind,
    port: ingestPort,
    ...(tlsCert === undefined || tlsKey === undefined ? {} : { tls: { certFile: tlsCert, keyFile: tlsKey } }),
    admission: createAdmission({ api, metrics, nowSeconds }),
    store: pushStore,
    loopExists: (namespace, name) => closedLoops.get(namespace, name) !== undefined,
    isLeader: () => elector.isLeader(),
    forwarder: createForwarder({ leaderAddress: find }),
    now: context.now,
    metrics,
    logger: context.logger,
  });
  return { server, announcement };
}
