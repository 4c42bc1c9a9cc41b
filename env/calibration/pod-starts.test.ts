import { expect, it } from 'vitest';
import { podStarts } from './pod-starts.ts';

const sample = (labels: Record<string, string>, value: number) => ({ labels, second: 0, value });

it('counts pods created in the range that became ready without a restart, by workload', () => {
  const pods = [
    { pod: 'front-5c9d-a', owner: ['ReplicaSet', 'front-5c9d'], created: 1000, ready: 1031 },
    { pod: 'front-5c9d-b', owner: ['ReplicaSet', 'front-5c9d'], created: 1100, ready: 1700, restarted: true },
    { pod: 'front-5c9d-c', owner: ['ReplicaSet', 'front-5c9d'], created: 100, ready: 130 },
    { pod: 'front-5c9d-d', owner: ['ReplicaSet', 'front-5c9d'], created: 1590, ready: 1620 },
    { pod: 'my-db-0', owner: ['StatefulSet', 'my-db'], created: 1000, ready: 1090 },
    { pod: 'node-agent-x', owner: ['DaemonSet', 'node-agent'], created: 1000, ready: 1010 },
  ];
  const answers = {
    created: pods.map(({ pod, created }) => sample({ pod }, created)),
    ready: pods.map(({ pod, ready }) => sample({ pod }, ready)),
    restarts: pods.filter(({ restarted }) => restarted).map(({ pod }) => sample({ pod }, 1)),
    owners: pods.map(({ pod, owner }) => sample({ pod, owner_kind: owner[0], owner_name: owner[1] }, 1)),
  };
  const starts = podStarts(answers, { fromSecond: 1000, stepSeconds: 15, steps: 41 });
  expect(Object.fromEntries(starts)).toEqual({
    front: [{ step: 3, seconds: 31 }],
    'my-db': [{ step: 6, seconds: 90 }],
  });
});
