/** The applications of the benchmark `live-metrics`: a thousand of one service, five to a namespace. */
import type { ExportedWorkload } from '../env/cluster/live/workload-exporter.fixture.ts';

export const benchedWorkloads: readonly ExportedWorkload[] = Array.from({ length: 1000 }, (_, i) => ({
  namespace: `team-${i % 200}`,
  name: `workload-${i}`,
  kind: 'Deployment',
  pods: 3,
  requestsPerSecond: 10 + (i % 7),
  cpuCores: 0.1 + (i % 3) / 10,
}));
