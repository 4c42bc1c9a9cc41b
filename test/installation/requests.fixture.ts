/** What the accounts of an installation asked of the API server, and whether they might: by its own audit log. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface AskedRequest {
  /** `namespace:name` of the service account. */
  readonly account: string;
  readonly verb: string;
  /** `apps/deployments/scale`, `pods`: group, resource and subresource. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly allowed: boolean;
}

export interface RequestLog {
  /** Of the API server. */
  readonly arguments: readonly string[];
  /** Discovery and such, which everybody may, left out. */
  requests(): Promise<AskedRequest[]>;
  remove(): Promise<void>;
}

/** A watch is told when it begins, everything else when it has ended. */
const policy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [
    { level: 'None', users: ['system:apiserver'] },
    { level: 'None', userGroups: ['system:masters', 'system:nodes'] },
    { level: 'None', userGroups: ['system:serviceaccounts:kube-system'] },
    { level: 'Metadata', userGroups: ['system:serviceaccounts'] },
    { level: 'None' },
  ],
};

interface AuditEvent {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly annotations?: Readonly<Record<string, string>>;
}

export async function createRequestLog(): Promise<RequestLog> {
  const folder = await mkdtemp(join(tmpdir(), 'duoloop-requests-'));
  const policyFile = join(folder, 'policy.json');
  const logFile = join(folder, 'audit.jsonl');
  await writeFile(policyFile, JSON.stringify(policy));
  return {
    arguments: [`--audit-policy-file=${policyFile}`, `--audit-log-path=${logFile}`, '--audit-log-mode=blocking'],
    async requests() {
      const lines = (await readFile(logFile, 'utf8')).split('\n');
      // What follows the last line's end is still being written.
      return lines.slice(0, -1).flatMap((line) => toRequest(JSON.parse(line) as AuditEvent));
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

function toRequest({ verb, user, objectRef, annotations = {} }: AuditEvent): AskedRequest[] {
  if (objectRef?.resource === undefined) return [];
  const { apiGroup, resource, subresource, namespace = '', name = '' } = objectRef;
  return [
    {
      account: user.username.replace('system:serviceaccount:', ''),
      verb,
      resource: [apiGroup, resource, subresource].filter((part) => part !== undefined).join('/'),
      namespace,
      name,
      allowed: annotations['authorization.k8s.io/decision'] !== 'forbid',
    },
  ];
}
