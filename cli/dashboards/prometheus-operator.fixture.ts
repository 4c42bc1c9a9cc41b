/** The definitions of ServiceMonitor, PodMonitor and PrometheusRule, as the Prometheus operator publishes them. */
import { join } from 'node:path';
import { runProgramText } from '../../env/lab/binaries/run-program.ts';

const module = 'github.com/prometheus-operator/prometheus-operator@v0.85.0';
const plurals = ['servicemonitors', 'podmonitors', 'prometheusrules'];

/**
 * Files, in Go's module cache from the first time on (about 10 MB).
 * @throws Error when there is no Go, or the module cannot be had
 */
export async function prometheusOperatorDefinitions(): Promise<string[]> {
  const told = await runProgramText('go', ['mod', 'download', '-json', module], {
    environment: { GOFLAGS: '-mod=mod' },
    timeoutSeconds: 120,
  });
  const { Dir: folder } = JSON.parse(told) as { Dir: string };
  return plurals.map((plural) => join(folder, `example/prometheus-operator-crd/monitoring.coreos.com_${plural}.yaml`));
}
