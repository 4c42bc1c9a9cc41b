/** The operator as users run it, a process of its own, for benchmarks. */
import type { ControlPlane } from '../env/lab/control-plane.ts';
import {
  type OperatorProcess,
  startOperatorProcess as startProcess,
} from '../operator/faults/operator-process.fixture.ts';

export type { OperatorProcess };

/** Serves all namespaces; its lease is in `duoloop-system`, which has to be there. @throws Error when it does not serve */
export function startOperatorProcess(
  plane: Pick<ControlPlane, 'kubeconfigFile' | 'prometheusUrl'>,
): Promise<OperatorProcess> {
  const { kubeconfigFile, prometheusUrl } = plane;
  // The lease as it is by default: its renewals are part of what is measured.
  return startProcess({
    kubeconfigFile,
    prometheusUrl,
    namespace: 'duoloop-system',
    leaseDurationSeconds: 15,
    logLevel: 'warn',
  });
}
