/** Where the projects publish their programs, and the checksums that go with them. */
import { type BinaryName, catalog, type Platform } from './catalog.ts';

export interface Release {
  /** Of the program itself, or of a .tar.gz archive. */
  readonly url: string;
  /** Of a file with the sha256 of it, alone or in a list as sha256sum writes it. */
  readonly checksumUrl: string;
  /** The program's path within the archive; absent when `url` is the program. */
  readonly member?: string;
}

export interface ReleaseServers {
  readonly kubernetes: string;
  readonly github: string;
  readonly helm: string;
}

export const releaseServers: ReleaseServers = {
  kubernetes: 'https://dl.k8s.io',
  github: 'https://github.com',
  helm: 'https://get.helm.sh',
};

const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/**
 * Undefined where nothing is published that can be checked: kube-state-metrics publishes images only, kwok no checksums,
 * Kubernetes its servers for Linux only, etcd for macOS only a .zip.
 */
export function releaseOf(
  name: BinaryName,
  { os, architecture }: Platform,
  { kubernetes, github, helm }: ReleaseServers = releaseServers,
): Release | undefined {
  const arch = architectures[architecture];
  if (arch === undefined || (os !== 'linux' && os !== 'darwin')) return undefined;
  const { version } = catalog[name];
  const download = (repository: string) => `${github}/${repository}/releases/download/v${version}`;
  switch (name) {
    case 'kube-apiserver':
    case 'kube-controller-manager':
    case 'kube-scheduler':
    case 'kubectl': {
      if (os !== 'linux' && name !== 'kubectl') return undefined;
      const url = `${kubernetes}/v${version}/bin/${os}/${arch}/${name}`;
      return { url, checksumUrl: `${url}.sha256` };
    }
    case 'etcd': {
      if (os !== 'linux') return undefined;
      const folder = `etcd-v${version}-${os}-${arch}`;
      const base = download('etcd-io/etcd');
      return { url: `${base}/${folder}.tar.gz`, checksumUrl: `${base}/SHA256SUMS`, member: `${folder}/etcd` };
    }
    case 'prometheus':
    case 'promtool': {
      const folder = `prometheus-${version}.${os}-${arch}`;
      const base = download('prometheus/prometheus');
      return { url: `${base}/${folder}.tar.gz`, checksumUrl: `${base}/sha256sums.txt`, member: `${folder}/${name}` };
    }
    case 'opa': {
      const url = `${download('open-policy-agent/opa')}/opa_${os}_${arch}_static`;
      return { url, checksumUrl: `${url}.sha256` };
    }
    case 'helm': {
      const url = `${helm}/helm-v${version}-${os}-${arch}.tar.gz`;
      return { url, checksumUrl: `${url}.sha256`, member: `${os}-${arch}/helm` };
    }
    case 'kwok':
    case 'kube-state-metrics':
      return undefined;
  }
}

/** The sha256 of `fileName` in a checksum file: a list, or the sum alone. @throws Error when it is not there */
export function readChecksum(text: string, fileName: string): string {
  const lines = text.split('\n').map((line) => line.trim().split(/\s+\*?/));
  const sum = (lines.find(([, name]) => name === fileName) ?? lines.find(([, name]) => name === undefined))?.[0];
  if (sum === undefined || !/^[0-9a-f]{64}$/i.test(sum)) throw new Error(`no sha256 of ${fileName} is published`);
  return sum.toLowerCase();
}
