/** `duoloop explain` against a real API server. */
import { beforeAll, expect, it } from 'vitest';
import { resourceTypes } from '../env/cluster/kubernetes-api.ts';
import { UserError } from '../env/errors.ts';
import { describeCluster } from '../test/cluster.ts';
import { type Scene, scene } from './closed-loop/cluster.fixture.ts';
import { pushedCpuAndMemory } from './closed-loop/doubles.fixture.ts';
import { command } from './explain-command.ts';

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

  const run = async (input: Record<string, unknown>): Promise<string> => {
    const printed: string[] = [];
    await command.run(command.schema.parse({ namespace: on.namespace, kubeconfig: cluster.kubeconfigFile, ...input }), {
      signal: new AbortController().signal,
      print: (line) => void printed.push(line),
      log: () => {},
      commandLine: '',
    });
    return printed.join('\n');
  };
  const refusal = async (input: Record<string, unknown>) => {
    const error = await run(input).catch((thrown: unknown) => thrown);
    // Exit code 2.
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message;
  };

  it('tells why the loop stays where it is', async () => {
    const printed = await run({ closedloop: 'closedloop/web' });
    expect(printed).toContain(`ClosedLoop ${on.namespace}/web → Deployment/web: size 1`);
    expect(printed).toContain('High cpu: it reacts to cpu, and stays at 1 because a rule holds it back.');
    expect(printed).toContain('raise spec.behavior.scaleUp.rateLimit');
    expect(printed).toContain('DeliberativeLoop tuner (Bounded) has proposed nothing for it.');
  });

  it('gives the same as JSON', async () => {
    expect(JSON.parse(await run({ closedloop: 'cl/web', json: true }))).toMatchObject({
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
    expect(await refusal({ closedloop: resource })).toContain(words(on.namespace));
  });

  it('finds the namespace of a loop that is elsewhere', async () => {
    expect(await refusal({ closedloop: 'closedloop/web', namespace: 'default' })).toMatch(/add -n \S+/);
  });

  it('says which context it does not find', async () => {
    expect(await refusal({ closedloop: 'closedloop/web', context: 'nowhere' })).toContain('nowhere');
  });
});
