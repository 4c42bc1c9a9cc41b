/** The chart as users handle it: by the real helm and the real kubectl. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { requireBinaries } from '../../env/lab/binaries/find.ts';
import { runProgramText } from '../../env/lab/binaries/run-program.ts';
import type { StoredObject } from '../../policies/resources/resource.ts';

export const repository = fileURLToPath(new URL('../..', import.meta.url));
export const chart = join(repository, 'manifests/helm/duoloop');
export const releaseName = 'duoloop';

/** As in a values file. */
export type Values = Readonly<Record<string, unknown>>;

/** What the agent cannot do without. */
export const leastValues: Values = { prometheus: { url: 'http://prometheus.monitoring.svc:9090' } };

export async function helm(...programArguments: readonly string[]): Promise<string> {
  const { helm: program } = await requireBinaries(['helm']);
  return runProgramText(program, programArguments, { timeoutSeconds: 60 });
}

export async function kubectl(kubeconfigFile: string, ...programArguments: readonly string[]): Promise<string> {
  const { kubectl: program } = await requireBinaries(['kubectl']);
  return runProgramText(program, ['--kubeconfig', kubeconfigFile, ...programArguments], { timeoutSeconds: 60 });
}

/** Gives `use` the name of a file with that content, which is gone afterwards. */
export async function withFile<T>(
  name: string,
  content: string | ((folder: string) => string),
  use: (file: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'duoloop-installation-'));
  try {
    const file = join(folder, name);
    await writeFile(file, typeof content === 'string' ? content : content(folder));
    return await use(file);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Runs helm with these values in a file. */
export async function helmWithValues(values: Values, ...programArguments: readonly string[]): Promise<string> {
  return withFile('values.json', JSON.stringify(values), (file) => helm(...programArguments, '--values', file));
}

export async function renderText(namespace: string, values: Values): Promise<string> {
  return helmWithValues(values, 'template', releaseName, chart, '--namespace', namespace);
}

export async function render(namespace: string, values: Values): Promise<StoredObject[]> {
  return objectsOf(await renderText(namespace, values));
}

export function objectsOf(text: string): StoredObject[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as StoredObject | null)
    .filter((object) => object !== null);
}
