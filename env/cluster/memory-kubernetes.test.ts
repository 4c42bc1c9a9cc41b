import { randomUUID } from 'node:crypto';
import { describe } from 'vitest';
import { kubernetesApiContract } from './kubernetes-api.contract.ts';
import { createMemoryKubernetes } from './memory-kubernetes.fixture.ts';

describe('the API server in memory', () => {
  const { api } = createMemoryKubernetes().connect();
  kubernetesApiContract(
    () => api,
    async () => randomUUID(),
  );
});
