/** The tick in the Distributed topology: it measures and hands on; the execution stage comes back by the same path. */
import { expect, it } from 'vitest';
import type { MetricAnswer, RunningLoop } from './contract.ts';
import { running, runningWith, start } from './controller.fixture.ts';
import { closedLoopObject, pushedCpuAndMemory } from './doubles.fixture.ts';
import { measuredOf } from './measured.ts';

const distributed = closedLoopObject('web', { ...pushedCpuAndMemory, topology: 'Distributed' });
const inline = closedLoopObject('web', pushedCpuAndMemory);

it('publishes a message once under its own time, and ends as Inline does when it is executed', async () => {
  const published: { loop: RunningLoop; answers: readonly MetricAnswer[]; time: number }[] = [];
  const stages = {
    publish: async (loop: RunningLoop, answers: readonly MetricAnswer[], time: number) =>
      void published.push({ loop, answers, time }),
  };
  const staged = await runningWith({ stages }, distributed);
  const direct = await running(inline);
  for (const each of [staged, direct]) {
    each.push(2, 40);
    await each.tick();
  }
  expect(staged.cluster.scaled).toEqual([]);
  expect(published).toMatchObject([{ answers: [{ value: 2 }, { value: 40 }], time: start }]);
  const [{ loop, answers }] = published;
  const measured = measuredOf(loop.spec, answers, undefined);
  const chosen = await staged.controller.choose(loop, measured, start + 15);
  await staged.controller.executeDecision(loop, measured, chosen, start + 15);
  expect(staged.cluster.scaled).toEqual(direct.cluster.scaled);
  expect(staged.writes.at(-1)).toEqual(direct.writes.at(-1));
  await staged.tick();
  expect(published).toHaveLength(1);
});

it('says that nothing was carried out when the target was refused, so that the stage does not take it for done', async () => {
  const loop = await runningWith({ stages: { publish: async () => {} } }, distributed);
  loop.cluster.owners.set('web', { kind: 'ScaledObject', name: 'keda' });
  const running = loop.controller.table.list()[0];
  expect(
    await loop.controller.executeDecision(running, { metrics: { cpu: 2, memory: 40 } }, undefined, start),
  ).toBeUndefined();
  expect(loop.writes.at(-1)?.status.conditions).toContainEqual(expect.objectContaining({ reason: 'OwnedByAnother' }));
});
