/** What the Helm chart holds of files that lie elsewhere: a chart cannot read beyond its own folder. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crdFiles } from '../../operator/crds/crd-files.ts';
import type { GeneratedFile, Generator } from './generators.ts';

const chartFiles = 'manifests/helm/duoloop/files';
const admission = 'manifests/admission';

/** Deleting a definition deletes every object of it, so an uninstalled chart leaves it. */
const keepAnnotation = 'metadata:\n  annotations:\n    helm.sh/resource-policy: keep\n';

/** @param root of the repository */
export function chartFilesGenerator(root: string): Generator {
  return {
    name: 'chart-files',
    ownedFolders: [`${chartFiles}/crds`, `${chartFiles}/admission`],
    files: async () => [
      ...crdFiles().map(({ name, content }) => ({ path: `${chartFiles}/crds/${name}`, content: kept(name, content) })),
      ...(await admissionFiles(root)),
    ],
  };
}

function kept(name: string, content: string): string {
  const changed = content.replace(/^metadata:\n/m, keepAnnotation);
  if (changed === content) throw new Error(`${name} has no metadata to put the annotation into`);
  return changed;
}

async function admissionFiles(root: string): Promise<GeneratedFile[]> {
  const names = (await readdir(join(root, admission))).sort();
  return Promise.all(
    names.map(async (name) => ({
      path: `${chartFiles}/admission/${name}`,
      content: await readFile(join(root, admission, name), 'utf8'),
    })),
  );
}
