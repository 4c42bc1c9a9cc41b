/** Writing as kubectl sees it: with the warnings that the API server sends beside its answer. */
import { request } from 'node:https';
import type { TestCluster } from '../../test/cluster.ts';

export interface Admission {
  readonly status: number;
  /** All `Warning` headers, joined. */
  readonly warnings: string;
  readonly message: string;
}

/** Tries to create the object, without storing it. */
export function tryCreate(cluster: TestCluster, collectionPath: string, object: object): Promise<Admission> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      `${cluster.server}${collectionPath}?dryRun=All`,
      {
        method: 'POST',
        // Of the test's own control plane on loopback.
        rejectUnauthorized: false,
        agent: false,
        headers: { authorization: `Bearer ${cluster.adminToken}`, 'content-type': 'application/json' },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const { message = '' } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { message?: string };
          const warnings = String(response.headers.warning ?? '');
          resolve({ status: response.statusCode ?? 0, warnings, message });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(JSON.stringify(object));
  });
}
