/** The dashboards as files: in manifests/dashboards for whoever imports them, and in the chart, beside the alerts. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import type { Generator } from '../generate/generators.ts';
import { agentDashboard } from './agent.ts';
import { loopDashboard } from './loop.ts';
import { operatorDashboard } from './operator.ts';
import { trainingDashboard } from './training.ts';

/** By the name of their file, without the ending. */
export function dashboards(): Readonly<Record<string, Dashboard>> {
  const all = [operatorDashboard(), loopDashboard(), agentDashboard(), trainingDashboard()];
  return Object.fromEntries(all.map((dashboard) => [dashboard.uid ?? '', dashboard]));
}

const folder = 'manifests/dashboards';
const chartFolder = 'manifests/helm/duoloop/files/monitoring';
const rules = 'duoloop.rules.yaml';

/** @param root of the repository */
export function monitoringGenerator(root: string): Generator {
  return {
    name: 'monitoring',
    ownedFolders: [folder, chartFolder],
    async files() {
      const written = Object.entries(dashboards()).map(([name, dashboard]) => ({
        name: `${name}.json`,
        content: `${JSON.stringify(dashboard, null, 2)}\n`,
      }));
      return [
        ...written.map(({ name, content }) => ({ path: `${folder}/${name}`, content })),
        ...written.map(({ name, content }) => ({ path: `${chartFolder}/dashboards/${name}`, content })),
        { path: `${chartFolder}/${rules}`, content: await readFile(join(root, 'manifests/alerts', rules), 'utf8') },
      ];
    },
  };
}
