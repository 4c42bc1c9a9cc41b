/** The applications of the benchmark `agent-scale`: a thousand frontends, as many to a namespace as one DeliberativeLoop tunes. */
import type { ExportedWorkload } from '../env/cluster/live/workload-exporter.fixture.ts';

export const benchedNamespaces: readonly string[] = Array.from({ length: 4 }, (_, i) => `team-${i}`);

/** Of the one that is tuned by itself. */
export const loneNamespace = 'lone';

export const benchedWorkloads: readonly ExportedWorkload[] = [
  ...Array.from({ length: 1000 }, (_, i) => frontend(benchedNamespaces[i % benchedNamespaces.length], i)),
  frontend(loneNamespace, 0),
];

/** Three pods of the measured frontend at about 800 requests/s in all, where it uses 42 % of what it requests. */
function frontend(namespace: string, i: number): ExportedWorkload {
  return {
    namespace,
    name: `workload-${i}`,
    kind: 'Deployment',
    pods: 3,
    requestsPerSecond: 260 + (i % 7),
    cpuCores: 0.2 + (i % 3) / 100,
  };
}
