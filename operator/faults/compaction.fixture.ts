/** What etcd does to its history every few minutes, now: watches that want to go on from before it are refused. */
import { readFile } from 'node:fs/promises';
import type { ControlPlane } from '../../env/lab/control-plane.ts';
import { requestLoopback } from '../../env/lab/loopback-request.ts';

interface RangeAnswer {
  readonly header: { readonly revision: string };
}

/** By etcd's JSON gateway, with the API server's own certificate. */
export async function compact({ component }: Pick<ControlPlane, 'component'>): Promise<void> {
  const flags = component('kube-apiserver').arguments;
  const flag = (name: string) => flags.find((argument) => argument.startsWith(`--${name}=`))?.split('=')[1] ?? '';
  const [certificateAuthority, certificate, privateKey] = await Promise.all(
    ['etcd-cafile', 'etcd-certfile', 'etcd-keyfile'].map((name) => readFile(flag(name), 'utf8')),
  );
  const ask = (path: string, body: object) =>
    requestLoopback(`${flag('etcd-servers')}${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      certificateAuthority,
      certificate,
      privateKey,
    });
  const answer = await ask('/v3/kv/range', { key: Buffer.from('/').toString('base64'), keys_only: true });
  const { revision } = (JSON.parse(answer) as RangeAnswer).header;
  await ask('/v3/kv/compaction', { revision, physical: true });
}
