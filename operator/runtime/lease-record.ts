/** What a Lease says of who leads, and what is written into it. Pure. */
import type { StoredObject } from '../../policies/resources/resource.ts';

export interface Lease extends StoredObject {
  readonly spec?: {
    readonly holderIdentity?: string | null;
    readonly leaseDurationSeconds?: number | null;
    readonly acquireTime?: string | null;
    readonly renewTime?: string | null;
    readonly leaseTransitions?: number | null;
  };
}

/** A lease and when, by this process's monotonic clock, it was first seen with these contents. */
export interface ObservedLease {
  readonly lease: Lease;
  readonly seenSecond: number;
}

/**
 * The times in a lease are of other machines' clocks and are not looked at: what counts is how long ago the contents were
 * last seen to change, as in client-go.
 */
export function observe(previous: ObservedLease | undefined, lease: Lease, second: number): ObservedLease {
  const isSame = previous?.lease.metadata.resourceVersion === lease.metadata.resourceVersion;
  return { lease, seenSecond: isSame && previous ? previous.seenSecond : second };
}

/** Undefined when nobody holds it. */
export function holderOf(observed: ObservedLease | undefined): string | undefined {
  return observed?.lease.spec?.holderIdentity || undefined;
}

/** Whether `identity` may take the lease at this second: nobody holds it, it does itself, or the holder stopped renewing. */
export function mayTake({ lease, seenSecond }: ObservedLease, identity: string, second: number): boolean {
  const { holderIdentity, leaseDurationSeconds } = lease.spec ?? {};
  if (!holderIdentity || holderIdentity === identity) return true;
  return second >= seenSecond + (leaseDurationSeconds ?? 0);
}

/** The lease as `identity` writes it to take or renew it. */
export function heldBy(lease: Lease, identity: string, durationSeconds: number, unixSeconds: number): Lease {
  const isRenewal = lease.spec?.holderIdentity === identity;
  const transitions = lease.spec?.leaseTransitions ?? 0;
  const now = microTime(unixSeconds);
  return {
    ...lease,
    spec: {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(durationSeconds),
      acquireTime: isRenewal ? (lease.spec?.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: isRenewal || lease.metadata.resourceVersion === undefined ? transitions : transitions + 1,
    },
  };
}

/** The lease as its holder gives it up. */
export function released(lease: Lease, unixSeconds: number): Lease {
  const now = microTime(unixSeconds);
  return {
    ...lease,
    spec: { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, acquireTime: now, renewTime: now },
  };
}

/** metav1.MicroTime: the API server refuses any other number of digits. */
export function microTime(unixSeconds: number): string {
  return new Date(unixSeconds * 1000).toISOString().replace('Z', '000Z');
}
