/**
 * Starts the control plane that the cluster tests of a run share, and stops it after the last. Vitest runs this only when
 * a cluster test is selected.
 */
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { fastHorizontalPodAutoscaler, startControlPlane } from '../env/lab/control-plane.ts';
import { applyDefinitions } from '../env/lab/lab-api.ts';
import type { SharedCluster } from './cluster.ts';

const definitionsFolder = fileURLToPath(new URL('../manifests/crds', import.meta.url));

export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const started = await startControlPlane({ horizontalPodAutoscaler: fastHorizontalPodAutoscaler }).catch(
    (error: Error) => error,
  );
  if (started instanceof Error) {
    // Without its programs there is nothing to test with; when they are there and fail, the tests fail.
    if ((started as { code?: string }).code !== 'lab.binaries') throw started;
    console.warn(`cluster tests are skipped: ${started.message}`);
    project.provide('sharedCluster', { available: false, reason: started.message });
    return undefined;
  }
  try {
    await applyDefinitions(started.api, await definitionFiles());
  } catch (error) {
    await started.stop();
    throw error;
  }
  const { server, kubeconfigFile, caFile, adminToken } = started;
  const shared: SharedCluster = { available: true, server, kubeconfigFile, caFile, adminToken };
  project.provide('sharedCluster', shared);
  return () => started.stop();
}

/** The generated definitions of our own resources. */
async function definitionFiles(): Promise<string[]> {
  const names = await readdir(definitionsFolder).catch(() => []);
  return names.filter((name) => name.endsWith('.yaml')).map((name) => `${definitionsFolder}/${name}`);
}
