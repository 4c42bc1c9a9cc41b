/** Delegation against the real Open Policy Agent. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StandaloneComponent, startOpa } from '../../env/lab/monitoring.ts';
import { describeCluster } from '../../test/cluster.ts';
import { conditionOf, running } from './controller.fixture.ts';
import { closedLoopObject, pushedCpuAndMemory } from './doubles.fixture.ts';
import { createPolicyEngine, type OpaSpec, type PolicyDocument } from './opa.ts';

const policy = `
package duoloop

default decision := {"metric": null}

decision := {"metric": "memory"} if {
  input.breaches.memory == "Low"
  input.ranks.cpu == 1
  input.replicas > 3
}

mapped := {"answer": {"choose": input.candidate, "size": input.size, "missing": input.missing}}

unknown := {"metric": "disk"}

partial := {"metric": "cpu"} if input.replicas < 0
`;

const document: PolicyDocument = {
  loop: { namespace: 'shop', name: 'web', target: 'Deployment/web' },
  metrics: { cpu: 2, memory: 40 },
  breaches: { cpu: 'Low', memory: 'Low' },
  ranks: { cpu: 1, memory: 2 },
  replicas: 30,
  time: '2026-01-01T00:00:00.000Z',
};

describeCluster('Open Policy Agent', () => {
  let opa: StandaloneComponent;
  let second = 0;
  beforeAll(async () => {
    opa = await startOpa({ sources: { 'policy.rego': policy } });
  });
  afterAll(() => opa?.stop());

  const spec = (rule: string, more: Partial<OpaSpec> = {}): OpaSpec => ({
    url: `${opa.url}/v1/data/duoloop/${rule}`,
    resultMapping: { metric: 'metric' },
    timeoutSeconds: 1,
    onFailure: 'Ranks',
    ...more,
  });
  const ask = (asked: OpaSpec, engine = createPolicyEngine(), about = document) =>
    engine.ask(asked, about, second++, new AbortController().signal);

  describe('a question', () => {
    it('is answered from the whole document, none being an answer too', async () => {
      expect(await ask(spec('decision'))).toEqual({ metric: 'memory' });
      expect(await ask(spec('decision'), undefined, { ...document, replicas: 2 })).toEqual({ metric: null });
    });

    it('goes through the mappings of input and result', async () => {
      const mapped = spec('mapped', {
        inputMapping: { candidate: 'loop.name', size: 'replicas', missing: 'metrics.queue' },
        resultMapping: { metric: 'answer.choose' },
      });
      expect(await ask(mapped)).toEqual({ metric: 'web' });
      expect(await ask({ ...mapped, resultMapping: { metric: 'answer.missing' } })).toEqual({ metric: null });
    });

    it.each([
      ['an undefined rule', 'partial', {}, 'give it a default'],
      ['a rule that does not exist', 'nothing', {}, 'give it a default'],
      ['a result path that leads nowhere', 'decision', { resultMapping: { metric: 'a.b' } }, 'resultMapping.metric'],
      [
        'a number for a name',
        'mapped',
        {
          inputMapping: { candidate: 'replicas', size: 'replicas', missing: 'time' },
          resultMapping: { metric: 'answer.choose' },
        },
        'resultMapping.metric',
      ],
      ['an input path that no document has', 'decision', { inputMapping: { x: 'nothing.here' } }, 'inputMapping.x'],
    ])('fails in words for %s', async (_, rule, more, words) => {
      expect(await ask(spec(rule, more))).toEqual({ failure: expect.stringContaining(words) });
    });

    it('is not sent to a host that is not allowed', async () => {
      const engine = createPolicyEngine({ hosts: [/\.svc$/] });
      expect(await ask(spec('decision'), engine)).toEqual({ failure: expect.stringContaining('--policy-host') });
    });
  });

  it('holds up a tick for one timeout when it hangs, not for one a loop', async () => {
    const engine = createPolicyEngine();
    opa.component.pause();
    try {
      const started = performance.now();
      const tick = second++;
      const questions = Array.from({ length: 100 }, () =>
        engine.ask(spec('decision'), document, tick, new AbortController().signal),
      );
      const answers = await Promise.all(questions);
      expect(performance.now() - started).toBeLessThan(1900);
      expect(answers.every((answer) => 'failure' in answer && answer.failure.includes('within 1 s'))).toBe(true);
    } finally {
      opa.component.resume();
    }
    expect(await ask(spec('decision'), engine)).toEqual({ metric: 'memory' });
  });

  it('chooses the reaction of a loop, and its failure is seen and survived', async () => {
    const delegated = { ...pushedCpuAndMemory, decision: { opa: spec('decision') } };
    const loop = await running(closedLoopObject('web', delegated));
    const tick = async () => {
      loop.push(2, 40);
      const writes = loop.writes.length;
      await loop.tick();
      await expect.poll(() => loop.writes.length, { timeout: 5000 }).toBeGreaterThan(writes);
      return loop.writes.at(-1)?.status;
    };
    const chosen = await tick();
    expect(chosen?.lastDecision).toMatchObject({
      winner: 'memory',
      losers: ['cpu'],
      action: 'React to memory',
      to: 29,
    });
    expect(conditionOf(chosen, 'PolicyEngine')).toMatchObject({ status: 'True' });
    await opa.component.stop();
    const alone = await tick();
    expect(alone?.lastDecision).toMatchObject({ winner: 'cpu', to: 28 });
    expect(conditionOf(alone, 'PolicyEngine')).toMatchObject({ status: 'False', reason: 'NoAnswer' });
    expect(await loop.sample('duoloop_policy_engine_failures_total')).toMatchObject([{ value: 1 }]);
    await opa.component.start();
    expect(conditionOf(await tick(), 'PolicyEngine')).toMatchObject({ status: 'True' });
  });

  it('does nothing in its place when that is wanted', async () => {
    const held = { ...pushedCpuAndMemory, decision: { opa: spec('unknown', { onFailure: 'Hold' }) } };
    const loop = await running(closedLoopObject('web', held));
    loop.push(2, 40);
    await loop.tick();
    await expect.poll(() => loop.writes.length, { timeout: 5000 }).toBeGreaterThan(0);
    const { status } = loop.writes[0];
    expect(status.lastDecision).toMatchObject({ message: 'Low cpu,Low memory', action: 'No action', to: 30 });
    expect(conditionOf(status, 'PolicyEngine')).toMatchObject({ message: expect.stringContaining('"disk"') });
    expect(loop.cluster.scaled).toEqual([]);
  });
});
