/** The Kustomize bases: what the Helm chart renders, without Helm's own marks and sorted into files that people read. */
import { join } from 'node:path';
import { type Document, isMap, parseDocument, stringify } from 'yaml';
import { requireBinaries } from '../../env/lab/binaries/find.ts';
import { runProgramText } from '../../env/lab/binaries/run-program.ts';
import type { GeneratedFile, Generator } from './generators.ts';

export const chartFolder = 'manifests/helm/duoloop';
const header = '# Rendered from manifests/helm/duoloop by `npm run generate`: change that.\n';

interface Base {
  readonly folder: string;
  /** Where the release would be; an overlay's `namespace` moves it. */
  readonly namespace: string;
  /** As `helm template --set` takes them. */
  readonly values: readonly string[];
  /** Besides what is rendered. */
  readonly own: readonly object[];
}

const bases: readonly Base[] = [
  {
    folder: 'manifests/kustomize/base',
    namespace: 'duoloop-system',
    values: [],
    own: [
      {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { name: 'duoloop-system', labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
      },
    ],
  },
  // Serves the namespace it is in, so that an overlay's `namespace` is all that it takes to choose one.
  { folder: 'manifests/kustomize/namespaced', namespace: 'shop', values: ['watchNamespaces={shop}'], own: [] },
];

/** Where the conventional Prometheus is; an overlay sets PROMETHEUS_URL of the two Deployments. */
const prometheusUrl = 'http://prometheus.monitoring.svc:9090';
const helmMarks = [
  ['metadata', 'labels', 'helm.sh/chart'],
  ['metadata', 'labels', 'app.kubernetes.io/managed-by'],
  ['metadata', 'annotations', 'helm.sh/resource-policy'],
];

/** @param root of the repository */
export function kustomizeGenerator(root: string): Generator {
  return {
    name: 'kustomize',
    ownedFolders: bases.map(({ folder }) => folder),
    needsHelm: true,
    files: async () => (await Promise.all(bases.map((base) => filesOf(base, root)))).flat(),
  };
}

async function filesOf(base: Base, root: string): Promise<GeneratedFile[]> {
  const { helm } = await requireBinaries(['helm']);
  const rendered = await runProgramText(helm, [
    ...['template', 'duoloop', join(root, chartFolder), '--namespace', base.namespace],
    ...[`prometheus.url=${prometheusUrl}`, ...base.values].flatMap((value) => ['--set', value]),
  ]);
  const contents = new Map<string, string[]>();
  if (base.own.length > 0)
    contents.set(
      'namespace.yaml',
      base.own.map((object) => stringify(object)),
    );
  for (const { source, text } of documentsOf(rendered)) {
    const file = fileOf(source);
    contents.set(file, [...(contents.get(file) ?? []), withoutHelm(parseDocument(text))]);
  }
  const resources = [...contents.keys()].sort();
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    namespace: base.namespace,
    resources,
  };
  return [
    { path: `${base.folder}/kustomization.yaml`, content: header + stringify(kustomization) },
    ...resources.map((name) => ({
      path: `${base.folder}/${name}`,
      content: header + (contents.get(name) ?? []).join('---\n'),
    })),
  ];
}

/** helm template writes `# Source: <chart>/templates/<file>` before each object. */
function documentsOf(rendered: string): { readonly source: string; readonly text: string }[] {
  return rendered
    .split(/^---$/m)
    .map((part) => /^\s*# Source: duoloop\/templates\/(\S+)\n([\s\S]*)$/.exec(part))
    .filter((match) => match !== null)
    .map(([, source, text]) => ({ source, text }))
    .filter(({ text }) => parseDocument(text).contents !== null);
}

function fileOf(source: string): string {
  const [folder] = source.split('/');
  if (folder === 'rbac' || source === 'service-accounts.yaml') return 'rbac.yaml';
  return folder.endsWith('.yaml') ? folder : `${folder}.yaml`;
}

function withoutHelm(document: Document): string {
  for (const path of helmMarks) {
    if (document.hasIn(path)) document.deleteIn(path);
  }
  const annotations = document.getIn(['metadata', 'annotations']);
  if (isMap(annotations) && annotations.items.length === 0) document.deleteIn(['metadata', 'annotations']);
  return document.toString({ lineWidth: 120 });
}
