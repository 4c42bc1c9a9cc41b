import { describe, expect, it } from 'vitest';
import { clampNames } from '../../policies/reactive/clamps.ts';
import type { ClosedLoop, ClosedLoopStatus, DecisionRecord } from '../../policies/resources/closed-loop.ts';
import type { DeliberativeLoop } from '../../policies/resources/deliberative-loop.ts';
import { toTimestamp } from '../../policies/resources/timestamp.ts';
import { clampWords } from './clamp-words.ts';
import { closedLoopObject, pushedCpuAndMemory } from './doubles.fixture.ts';
import { type ExplainInput, explain } from './explain.ts';
import { explanationText } from './explain-text.ts';

const now = 1_800_000_000;
const ago = (seconds: number) => toTimestamp(now - seconds);

const decided = (change: Partial<DecisionRecord> = {}): DecisionRecord => ({
  time: ago(30),
  message: 'No Event',
  losers: [],
  clampedBy: [],
  action: 'No action',
  from: 5,
  to: 5,
  missing: [],
  values: { cpu: 41.23456 },
  ...change,
});

function loopWith(records: DecisionRecord[], change: Partial<ClosedLoopStatus> = {}): ClosedLoop {
  const status: ClosedLoopStatus = {
    observedGeneration: 1,
    ranks: { cpu: 1, memory: 2 },
    ranking: 'cpu,memory',
    target: 'Deployment/web',
    ...(records[0] ? { lastDecision: records[0] } : {}),
    recentDecisions: records,
    reactionEpochs: {},
    recentReactions: [],
    rankChanges: [],
    recentChanges: [],
    conditions: [],
    ...change,
  };
  return { ...closedLoopObject('web', pushedCpuAndMemory), status };
}

const say = (closedLoop: ClosedLoop, more: Partial<ExplainInput> = {}) => {
  const input = { closedLoop, target: { replicas: 5, ready: 4 }, deliberativeLoops: [], now, ...more };
  return explanationText(explain(input), now);
};

describe('explain', () => {
  it('tells winner, losers, and in words what held the reaction back', () => {
    const text = say(
      loopWith([
        decided({
          message: 'High cpu,Low memory',
          winner: 'cpu',
          losers: ['memory'],
          action: 'React to cpu',
          clampedBy: ['maxReplicas'],
        }),
      ]),
    );
    expect(text).toContain(
      'High cpu,Low memory: it reacts to cpu before memory, and stays at 5 because a rule holds it back.',
    );
    expect(text).toContain('The largest size is reached: raise spec.behavior.maxReplicas');
    expect(text).toContain('lost: memory; clamped by: maxReplicas');
    expect(text).toContain('size 5, 4 ready');
  });

  it('counts since when a metric is missing, over decisions that differ in something else', () => {
    const missing = [{ name: 'cpu', reason: 'no data' }];
    const records = [
      decided({ time: ago(20), missing, message: 'Low memory' }),
      decided({ time: ago(300), missing }),
      decided({ time: ago(900) }),
    ];
    expect(say(loopWith(records))).toContain('cpu: no data; since 5 min ago\n');
    expect(say(loopWith(records.slice(0, 2)))).toContain('since 5 min ago or longer');
  });

  it('says what was refused instead of what an older decision was clamped by', () => {
    const refusal = 'Deployment web is scaled by HorizontalPodAutoscaler web already.';
    const condition = { type: 'Ready', status: 'False', reason: 'OwnedByAnother', message: refusal } as const;
    const loop = loopWith([decided({ clampedBy: ['maxReplicas'] })], {
      conditions: [{ ...condition, lastTransitionTime: ago(5) }],
    });
    const { obstacles } = explain({ closedLoop: loop, target: undefined, deliberativeLoops: [], now });
    expect(obstacles).toEqual([refusal]);
    expect(say(loop, { target: undefined })).toContain('Deployment/web: not there');
  });

  it.each([
    [100, 'proposed size 7 100 s ago; fresh until it is 180 s old.'],
    [500, 'proposed size 7 8 min ago; stale after 180 s, so it is ignored'],
  ])('tells how old the agent’s proposal is (%i s)', (age, words) => {
    const agent = {
      metadata: { name: 'tuner' },
      spec: { mode: 'Bounded', guardrails: { staleAfterSeconds: 180 } },
      status: { proposals: [{ closedLoop: 'web', setPoint: 7, time: ago(age) }], conditions: [] },
    } as unknown as DeliberativeLoop;
    expect(say(loopWith([decided()]), { deliberativeLoops: [agent] }).replace(/\s+/g, ' ')).toContain(words);
  });

  it('says that nobody has seen a loop without a status', () => {
    expect(say(closedLoopObject('web', pushedCpuAndMemory))).toContain('no operator has seen it');
  });

  it('keeps to 100 columns whatever the texts', () => {
    const everything = decided({
      clampedBy: [...clampNames],
      missing: [{ name: 'm'.repeat(63), reason: `${'x'.repeat(300)} and more` }],
      values: Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`${'n'.repeat(60)}${i}`, i * 1234.5678])),
      message: `High ${'y'.repeat(200)}`,
    });
    const lines = say(loopWith([everything])).split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(lines.join('').replace(/\s/g, '')).toContain('x'.repeat(300));
  });

  it('has a sentence for every rule that names the field to change', () => {
    for (const name of clampNames.filter(
      (each) => each !== 'missingMetrics' && each !== 'breach' && each !== 'setPoint',
    ))
      expect(clampWords[name]).toMatch(/spec\.|guardrails\.|behavior\.|(max|min) of/);
  });
});

it('shows text of the cluster without what steers a terminal or forges lines', () => {
  const evil = 'gone\u001b[2J\nClosedLoop shop/web → all is well\u202E';
  const hostile = decided({ missing: [{ name: 'cpu', reason: evil }], message: evil, action: evil });
  const conditions = [
    { type: 'Ready', status: 'False' as const, reason: 'X', message: evil, lastTransitionTime: ago(5) },
  ];
  const closedLoop = loopWith([hostile], { conditions });
  const explanation = explain({ closedLoop, target: evil, deliberativeLoops: [], now });
  const text = explanationText(explanation, now);
  expect(text).not.toMatch(/[^\n\P{Cc}]|\u202E/u);
  expect(text.split('\n').filter((line) => line.startsWith('ClosedLoop '))).toHaveLength(1);
});
