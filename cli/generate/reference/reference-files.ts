/** The reference as files, a page a subject: made of the definitions that the code itself runs by. */
import { verbs } from '../../../cli.ts';
import type { Generator } from '../generators.ts';
import { commandsPage } from './commands.ts';
import { filesPage } from './files.ts';
import { metricsPage } from './metrics.ts';
import { resourcesPage } from './resources.ts';

const folder = 'docs/reference';

/** @param root of the repository */
export function referenceGenerator(root: string): Generator {
  return {
    name: 'reference',
    ownedFolders: [folder],
    files: async () => [
      { path: `${folder}/resources.md`, content: await resourcesPage(root) },
      { path: `${folder}/commands.md`, content: await commandsPage(verbs) },
      { path: `${folder}/files.md`, content: filesPage() },
      { path: `${folder}/metrics.md`, content: metricsPage() },
    ],
  };
}
