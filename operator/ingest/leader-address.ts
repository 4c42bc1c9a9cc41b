/** Where the leader takes pushes: written into an annotation of the lease by the leader, read there by the others. */
import { setTimeout as delay } from 'node:timers/promises';
import { type KubernetesApi, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { Logger } from '../../env/service/logger.ts';
import type { Runnable } from '../../env/service/run-all.ts';
import type { StoredObject } from '../../policies/resources/resource.ts';

/** `<identity of the holder> <base address>`: what an earlier leader left there is of no use. */
export const ingestAddressAnnotation = 'duoloop.dev/ingest-address';

export interface LeaderAddressOptions {
  readonly api: Pick<KubernetesApi, 'get' | 'mergePatch'>;
  readonly namespace: string;
  readonly leaseName: string;
  /** Of this replica in the lease. */
  readonly identity: string;
  /** Where the other replicas reach this one's ingest server; undefined: they do not, and say so to the sender. */
  readonly address: string | undefined;
  /** Who holds the lease, as last seen. */
  readonly holder: () => string | undefined;
  /** Monotonic seconds. */
  readonly nowSeconds: () => number;
  readonly logger: Logger;
}

export interface LeaderAddress {
  /** Of the present leader; undefined while it is not known. Never rejects. */
  find(): Promise<string | undefined>;
  /** To be run while leading: makes this replica's address known. */
  readonly announcement: Runnable;
}

/** An address is taken to hold for this long; an absent one as well, so that pushes do not become reads of the lease. */
const rememberedSeconds = 2;

export function createLeaderAddress(options: LeaderAddressOptions): LeaderAddress {
  const { api, namespace, leaseName, identity, address, holder, nowSeconds, logger } = options;
  let read:
    | { readonly holder: string; readonly second: number; readonly address: Promise<string | undefined> }
    | undefined;

  async function readAnnotation(leader: string): Promise<string | undefined> {
    try {
      const lease = await api.get<StoredObject>(resourceTypes.lease, namespace, leaseName);
      const [announcer, base] = (lease.metadata.annotations?.[ingestAddressAnnotation] ?? '').split(' ');
      return announcer === leader && base !== undefined && URL.canParse(base) ? base : undefined;
    } catch (error) {
      logger.warn({ err: error }, "the leader's ingest address could not be read");
      return undefined;
    }
  }

  return {
    async find() {
      const leader = holder();
      if (leader === undefined || leader === identity) return undefined;
      if (read?.holder !== leader || nowSeconds() - read.second > rememberedSeconds) {
        read = { holder: leader, second: nowSeconds(), address: readAnnotation(leader) };
      }
      return read.address;
    },
    announcement: {
      async run(signal) {
        const annotations = { [ingestAddressAnnotation]: address === undefined ? null : `${identity} ${address}` };
        for (let attempt = 0; !signal.aborted; attempt++) {
          try {
            await api.mergePatch(resourceTypes.lease, namespace, leaseName, { metadata: { annotations } }, { signal });
            return;
          } catch (error) {
            if (signal.aborted) return;
            logger.warn({ err: error }, 'the ingest address could not be announced, trying again');
            await delay(Math.min(30, 2 ** attempt) * 1000, undefined, { signal }).catch(() => {});
          }
        }
      },
    },
  };
}
