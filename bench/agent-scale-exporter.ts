/** The exporter of the benchmark `agent-scale` as a process of its own, so that its CPU is not counted. Tells its target. */
import { startWorkloadExporter } from '../env/cluster/live/workload-exporter.fixture.ts';
import { benchedWorkloads } from './agent-scale-workloads.ts';

const exporter = await startWorkloadExporter(benchedWorkloads, 'istio');
process.send?.(exporter.target);
process.once('disconnect', () => exporter.close());
