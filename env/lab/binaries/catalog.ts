/** The programs of the lab and of the tests: which versions are used, which are accepted, and what they are built from. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';

/** What the lab runs. */
export const labBinaryNames = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubectl',
  'kwok',
  'kube-state-metrics',
  'prometheus',
  'opa',
] as const;

/** What only tests of the manifests run. */
export const testToolNames = ['helm', 'promtool'] as const;

export const binaryNames = [...labBinaryNames, ...testToolNames] as const;

export type BinaryName = (typeof binaryNames)[number];

export interface CatalogEntry {
  /** What is downloaded or built; without a leading v. */
  readonly version: string;
  /** Prints the version. */
  readonly versionArguments: readonly string[];
  /** Versions that behave like ours as far as the lab can tell, for a program found on PATH. */
  readonly accepted: RegExp;
  /** Folder of the Go module under test/control-plane, and the package in it. */
  readonly module: 'kubernetes' | 'kube-state-metrics' | 'prometheus' | 'opa' | 'helm';
  readonly package: string;
}

const kubernetesVersion = '1.36.3';
const prometheusVersion = '3.14.0';

function kubernetes(name: string, versionArguments: readonly string[] = ['--version']): CatalogEntry {
  return {
    version: kubernetesVersion,
    versionArguments,
    // In-place resize through the subresource came with 1.33.
    accepted: /\bv1\.3[3-9]\.\d+/,
    module: 'kubernetes',
    package: `k8s.io/kubernetes/cmd/${name}`,
  };
}

export const catalog: Readonly<Record<BinaryName, CatalogEntry>> = {
  etcd: {
    version: '3.6.8',
    versionArguments: ['--version'],
    accepted: /etcd Version: 3\.[56]\./,
    module: 'kubernetes',
    package: 'go.etcd.io/etcd/server/v3',
  },
  'kube-apiserver': kubernetes('kube-apiserver'),
  'kube-controller-manager': kubernetes('kube-controller-manager'),
  'kube-scheduler': kubernetes('kube-scheduler'),
  kubectl: kubernetes('kubectl', ['version', '--client']),
  kwok: {
    version: '0.8.0',
    versionArguments: ['--version'],
    accepted: /\bv0\.[78]\./,
    module: 'kubernetes',
    package: 'sigs.k8s.io/kwok/cmd/kwok',
  },
  'kube-state-metrics': {
    version: '2.18.0',
    versionArguments: ['version'],
    accepted: /version v?2\.1\d\./,
    module: 'kube-state-metrics',
    package: 'k8s.io/kube-state-metrics/v2',
  },
  prometheus: {
    version: prometheusVersion,
    versionArguments: ['--version'],
    accepted: /version 3\./,
    module: 'prometheus',
    package: 'github.com/prometheus/prometheus/cmd/prometheus',
  },
  opa: {
    version: '1.22.0',
    versionArguments: ['version'],
    accepted: /Version: 1\./,
    module: 'opa',
    package: 'github.com/open-policy-agent/opa',
  },
  helm: {
    version: '4.3.1',
    versionArguments: ['version', '--short'],
    // Helm 3 renders the same chart, but applies otherwise.
    accepted: /\bv4\./,
    module: 'helm',
    package: 'helm.sh/helm/v4/cmd/helm',
  },
  promtool: {
    version: prometheusVersion,
    versionArguments: ['--version'],
    accepted: /version 3\./,
    module: 'prometheus',
    package: 'github.com/prometheus/prometheus/cmd/promtool',
  },
};

/** For the linker: what a build from a module cannot know of itself, and clients ask for. */
export function linkerVariables(name: BinaryName): string[] {
  const { version } = catalog[name];
  if (name === 'prometheus' || name === 'promtool' || name === 'kube-state-metrics') {
    return [`github.com/prometheus/common/version.Version=${version}`];
  }
  if (name === 'helm') return [`helm.sh/helm/v4/internal/version.version=v${version}`];
  if (version !== kubernetesVersion) return [];
  const [major, minor] = kubernetesVersion.split('.');
  return ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].flatMap((variables) => [
    `${variables}.gitVersion=v${kubernetesVersion}`,
    `${variables}.gitMajor=${major}`,
    `${variables}.gitMinor=${minor}`,
  ]);
}

export interface Platform {
  /** As Node names them: `linux`, `darwin`; `x64`, `arm64`. */
  readonly os: string;
  readonly architecture: string;
}

export const thisPlatform: Platform = { os: process.platform, architecture: process.arch };

/** Where a program is kept that was downloaded or built: the name says all that decides its content. */
export function cachedBinary(cacheFolder: string, name: BinaryName, platform: Platform = thisPlatform): string {
  const { version } = catalog[name];
  // A build setting that changes must not find the binary of the setting before.
  const build = createHash('sha256')
    .update(JSON.stringify(linkerVariables(name)))
    .digest('hex')
    .slice(0, 8);
  const key = `${name}-${version}-${platform.os}-${platform.architecture}-${build}`;
  return join(cacheFolder, 'control-plane', key, name);
}
