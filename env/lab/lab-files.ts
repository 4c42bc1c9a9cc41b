/** The files that a control plane's programs share: certificates, keys, tokens, kubeconfigs. In a folder of its own. */
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Certificate,
  type CertificateAuthority,
  createCertificateAuthority,
  createSigningKey,
} from './certificates.ts';
import { formatKubeconfig } from './kubeconfig.ts';

/** Who the programs are to the API server: RBAC's own bindings give each what it needs. */
const identities = {
  admin: { user: 'duoloop-lab-admin', groups: ['system:masters'] },
  'kube-controller-manager': { user: 'system:kube-controller-manager', groups: [] },
  'kube-scheduler': { user: 'system:kube-scheduler', groups: [] },
  // They stand for what is no part of the tests: the nodes, and a monitoring that sees everything.
  kwok: { user: 'duoloop-lab-kwok', groups: ['system:masters'] },
  'kube-state-metrics': { user: 'duoloop-lab-kube-state-metrics', groups: ['system:masters'] },
} as const;

export type Identity = keyof typeof identities;

export interface CertificateFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

export interface LabFiles {
  readonly folder: string;
  /** Signs the serving certificates of the API server, the stand-in and webhooks. */
  readonly authority: CertificateAuthority;
  readonly authorityFile: string;
  /** For kube-apiserver and etcd, which trust nobody else. */
  readonly etcd: {
    readonly authorityFile: string;
    readonly server: CertificateFiles;
    readonly client: CertificateFiles;
  };
  readonly etcdClient: Certificate;
  readonly etcdAuthority: string;
  readonly apiServer: CertificateFiles;
  /** With which the API server calls aggregated API servers. */
  readonly frontProxy: { readonly authorityFile: string; readonly client: CertificateFiles };
  readonly serviceAccountKeys: { readonly privateFile: string; readonly publicFile: string };
  readonly tokenFile: string;
  readonly tokens: Readonly<Record<Identity, string>>;
  readonly kubeconfigs: Readonly<Record<Identity, string>>;
  /** Writes `<name>.crt` and `<name>.key`. */
  writeCertificate(name: string, certificate: Certificate): Promise<CertificateFiles>;
}

/** Names and addresses under which a server on loopback is called, from a client or by the aggregation layer. */
export const loopbackNames = { hosts: ['localhost', '127.0.0.1'] } as const;

/** @param server address of the API server to be */
export async function writeLabFiles(folder: string, server: string): Promise<LabFiles> {
  await mkdir(folder, { recursive: true });
  const [authority, etcdAuthority, frontProxyAuthority, signingKey] = await Promise.all([
    createCertificateAuthority('duoloop-lab'),
    createCertificateAuthority('duoloop-lab-etcd'),
    createCertificateAuthority('duoloop-lab-front-proxy'),
    createSigningKey(),
  ]);
  const [apiServer, etcdServer, etcdClient, frontProxyClient] = await Promise.all([
    authority.issue({
      commonName: 'kube-apiserver',
      hosts: [...loopbackNames.hosts, 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'],
    }),
    etcdAuthority.issue({ commonName: 'etcd', ...loopbackNames }),
    etcdAuthority.issue({ commonName: 'kube-apiserver' }),
    frontProxyAuthority.issue({ commonName: 'front-proxy-client' }),
  ]);
  const names = Object.keys(identities) as Identity[];
  const tokens = mapNames(names, () => randomBytes(24).toString('base64url'));
  const write = async (name: string, content: string) => {
    const file = join(folder, name);
    // Keys and tokens are for this user only.
    await writeFile(file, content, { mode: 0o600 });
    return file;
  };
  const writeCertificate = async (name: string, { certificatePem, privateKeyPem }: Certificate) => ({
    certificateFile: await write(`${name}.crt`, certificatePem),
    keyFile: await write(`${name}.key`, privateKeyPem),
  });
  for (const name of names) {
    const bearerToken = tokens[name];
    const certificateAuthority = authority.certificatePem;
    await write(
      `${name}.kubeconfig`,
      formatKubeconfig({ server, certificateAuthority, user: identities[name].user, bearerToken }),
    );
  }
  return {
    folder,
    authority,
    authorityFile: await write('ca.crt', authority.certificatePem),
    etcd: {
      authorityFile: await write('etcd-ca.crt', etcdAuthority.certificatePem),
      server: await writeCertificate('etcd', etcdServer),
      client: await writeCertificate('etcd-client', etcdClient),
    },
    etcdClient,
    etcdAuthority: etcdAuthority.certificatePem,
    apiServer: await writeCertificate('kube-apiserver', apiServer),
    frontProxy: {
      authorityFile: await write('front-proxy-ca.crt', frontProxyAuthority.certificatePem),
      client: await writeCertificate('front-proxy-client', frontProxyClient),
    },
    serviceAccountKeys: {
      privateFile: await write('service-account.key', signingKey.privateKeyPem),
      publicFile: await write('service-account.pub', signingKey.publicKeyPem),
    },
    tokenFile: await write('tokens.csv', names.map((name) => tokenLine(name, tokens[name])).join('')),
    tokens,
    kubeconfigs: mapNames(names, (name) => join(folder, `${name}.kubeconfig`)),
    writeCertificate,
  };
}

function tokenLine(name: Identity, token: string): string {
  const { user, groups } = identities[name];
  return `${[token, user, user, `"${groups.join(',')}"`].join(',')}\n`;
}

function mapNames<T>(names: readonly Identity[], value: (name: Identity) => T): Record<Identity, T> {
  return Object.fromEntries(names.map((name) => [name, value(name)])) as Record<Identity, T>;
}
