/** `duoloop explain` against a real API server. */
import { beforeAll, expect, it } from 'vitest';
import { runProgram } from '../cli/program.ts';
import { resourceTypes } from '../env/cluster/kubernetes-api.ts';
import { describeCluster } from '../test/cluster.ts';
import { type Scene, scene } from './closed-loop/cluster.fixture.ts';
import { pushedCpuAndMemory } from './closed-loop/doubles.fixture.ts';

const time = () => new Date(Date.now() - 30_000).toISOString();

describeCluster('duoloop explain', (cluster) => {
  let on: Scene;
  beforeAll(async () => {
    on = await scene(cluster, 'explain');
    await on.deploy({ name: 'web', replicas: 1 });
    const { metadata } = await on.createLoop('web', pushedCpuAndMemory);
    const decision = {
      time: time(),
      message: 'High cpu',
      winner: 'cpu',
      losers: [],
      clampedBy: ['scaleUpRate'],
      action: 'React to cpu',
      from: 1,
      to: 1,
      missing: [],
      values: { cpu: 91.5 },
    };
    await on.api.mergePatch(
      resourceTypes.closedLoop,
      on.namespace,
      'web',
      {
        status: {
          observedGeneration: metadata.generation,
          ranks: { cpu: 1, memory: 2 },
          ranking: 'cpu,memory',
          target: 'Deployment/web',
          replicas: 1,
          lastDecision: decision,
          recentDecisions: [decision],
          reactionEpochs: {},
          recentReactions: [],
          rankChanges: [],
          recentChanges: [],
          conditions: [],
        },
      },
      { subresource: 'status' },
    );
    await on.api.create(resourceTypes.deliberativeLoop, on.namespace, {
      apiVersion: 'duoloop.dev/v1alpha1',
      kind: 'DeliberativeLoop',
      metadata: { name: 'tuner' },
      spec: { closedLoops: { names: ['web'] }, policy: { none: {} }, mode: 'Bounded' },
    });
  });

  /** As the command line is run, with what it printed. */
  const run = async (...argv: string[]) => {
    const printed: string[] = [];
    const errors: string[] = [];
    const exitCode = await runProgram(['explain', ...argv, '--kubeconfig', cluster.kubeconfigFile], {
      verbs: [{ name: 'explain', summary: '', load: () => import('./explain-command.ts') }],
      version: '0',
      description: '',
      debug: async () => false,
      context: {
        signal: new AbortController().signal,
        print: (line) => void printed.push(line),
        log: () => {},
        commandLine: '',
      },
      writeError: (text) => void errors.push(text),
    });
    return { exitCode, printed: printed.join('\n'), errors: errors.join('') };
  };

  it('tells why the loop stays where it is', async () => {
    const { exitCode, printed } = await run('closedloop/web', '-n', on.namespace);
    expect(exitCode).toBe(0);
    expect(printed).toContain(`ClosedLoop ${on.namespace}/web → Deployment/web: size 1`);
    expect(printed).toContain('High cpu: it reacts to cpu, and stays at 1 because a rule holds it back.');
    expect(printed).toContain('raise spec.behavior.scaleUp.rateLimit');
    expect(printed).toContain('DeliberativeLoop tuner (Bounded) has proposed nothing for it.');
  });

  it('gives the same as JSON', async () => {
    const { printed } = await run('cl/web', '-n', on.namespace, '--json');
    expect(JSON.parse(printed)).toMatchObject({
      target: 'Deployment/web',
      targetSize: { replicas: 1 },
      obstacles: [expect.stringContaining('rate limit')],
      agents: [{ name: 'tuner', mode: 'Bounded', isStale: false }],
    });
  });

  it.each([
    [
      'closedloop/other',
      (namespace: string) => `there is no ClosedLoop "other" in namespace ${namespace}; there are web`,
    ],
    ['scalinggroup/web', () => 'name a closed loop, as closedloop/NAME'],
  ])('says what to do about %s', async (resource, words) => {
    const { exitCode, errors } = await run(resource, '-n', on.namespace);
    expect([exitCode, errors]).toEqual([2, expect.stringContaining(words(on.namespace))]);
  });

  it('finds the namespace of a loop that is elsewhere', async () => {
    const { exitCode, errors } = await run('closedloop/web', '-n', 'default');
    expect([exitCode, errors]).toEqual([2, expect.stringMatching(/add -n \S+/)]);
  });

  it('says so when the cluster cannot be reached', async () => {
    const { exitCode, errors } = await run('closedloop/web', '--context', 'nowhere');
    expect([exitCode, errors]).toEqual([2, expect.stringContaining('nowhere')]);
  });
});
