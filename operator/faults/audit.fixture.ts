/** Who wrote what and when, by the API server's own audit log: what a process believes to have written proves nothing. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface AuditedWrite {
  /** Name of the service account, or of the user. */
  readonly user: string;
  readonly verb: 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';
  readonly resource: string;
  readonly subresource: string | undefined;
  readonly namespace: string;
  readonly name: string;
  /** HTTP status of the answer. */
  readonly code: number;
  /** When the API server had read the request, Unix milliseconds. */
  readonly receivedAt: number;
  /** As it was sent; absent for a deletion. */
  readonly body: AuditedBody | undefined;
}

/** Of a merge patch or an apply; that of a JSON patch on a scale is told as the merge patch that it amounts to. */
export interface AuditedBody {
  readonly spec?: { readonly replicas?: number; readonly holderIdentity?: string };
  readonly status?: {
    readonly lastScaling?: { readonly from: number; readonly to: number; readonly startedAt: string };
  };
}

export interface AuditLog {
  /** Of the API server. */
  readonly arguments: readonly string[];
  /** Oldest first. */
  writes(): Promise<AuditedWrite[]>;
  remove(): Promise<void>;
}

/** Events are left out: they are told by each process of itself and act on nothing. */
const policy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived', 'ResponseStarted'],
  rules: [
    {
      level: 'Request',
      verbs: ['create', 'update', 'patch', 'delete', 'deletecollection'],
      resources: [{ group: 'apps' }, { group: 'duoloop.dev' }, { group: 'coordination.k8s.io', resources: ['leases'] }],
    },
    { level: 'None' },
  ],
};

interface AuditEvent {
  readonly verb: AuditedWrite['verb'];
  readonly user: { readonly username: string };
  readonly objectRef: { resource: string; subresource?: string; namespace?: string; name?: string };
  readonly responseStatus?: { readonly code?: number };
  readonly requestReceivedTimestamp: string;
  readonly requestObject?: AuditedBody | { readonly path: string; readonly value: number }[];
}

export async function createAuditLog(): Promise<AuditLog> {
  const folder = await mkdtemp(join(tmpdir(), 'duoloop-audit-'));
  const policyFile = join(folder, 'policy.json');
  const logFile = join(folder, 'audit.jsonl');
  await writeFile(policyFile, JSON.stringify(policy));
  return {
    arguments: [`--audit-policy-file=${policyFile}`, `--audit-log-path=${logFile}`, '--audit-log-mode=blocking'],
    async writes() {
      const lines = (await readFile(logFile, 'utf8')).split('\n');
      // What follows the last line's end is still being written.
      const events = lines.slice(0, -1).map((line) => JSON.parse(line) as AuditEvent);
      return events.map(toWrite).sort((a, b) => a.receivedAt - b.receivedAt);
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

function toWrite({ verb, user, objectRef, responseStatus, requestReceivedTimestamp, requestObject }: AuditEvent) {
  return {
    user: user.username.slice(user.username.lastIndexOf(':') + 1),
    verb,
    resource: objectRef.resource,
    subresource: objectRef.subresource,
    namespace: objectRef.namespace ?? '',
    name: objectRef.name ?? '',
    code: responseStatus?.code ?? 0,
    receivedAt: Date.parse(requestReceivedTimestamp),
    body: Array.isArray(requestObject) ? { spec: { replicas: requestObject.at(-1)?.value } } : requestObject,
  };
}
