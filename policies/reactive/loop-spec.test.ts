import { describe, expect, it } from 'vitest';
import { createReactiveLoop } from './batched-loop.ts';
import { testApp } from './fleet.fixture.ts';
import { parseLoopSpec } from './loop-spec.ts';

const up = { horizontal: { by: 1 } };
const metric = (
  name: string,
  rank: number,
  thresholds: unknown[] = [{ kind: 'superior', value: 1, reaction: up }],
) => ({
  name,
  rank,
  thresholds,
});
const spec = (metrics: unknown[], more: object = {}) => ({ metrics, behavior: { maxReplicas: 9 }, ...more });

describe('parseLoopSpec', () => {
  it('fills in the documented defaults', () => {
    expect(parseLoopSpec(spec([metric('cpu', 1)]))).toMatchObject({
      intervalSeconds: 15,
      behavior: {
        minReplicas: 1,
        scaleUp: { stabilizationWindowSeconds: 0 },
        scaleDown: { stabilizationWindowSeconds: 300 },
      },
      onMissingMetrics: { action: 'Hold', afterTicks: 3 },
      whileRollingOut: 'Hold',
      paused: false,
      guardrails: { maxStep: 4, rankChangesPerHour: 12, staleAfterSeconds: 180 },
      members: [],
    });
  });

  it.each([
    ['duplicate names', spec([metric('cpu', 1), metric('cpu', 2)]), /metrics: .*one name: rename/],
    ['duplicate ranks', spec([metric('cpu', 1), metric('memory', 1)]), /metrics: .*one rank: give each its own/],
    [
      'min above max',
      { metrics: [metric('cpu', 1)], behavior: { minReplicas: 5, maxReplicas: 4 } },
      /behavior\.minReplicas: .*lower/,
    ],
    [
      'guardrail min above max',
      spec([metric('cpu', 1)], { guardrails: { minReplicas: 5, maxReplicas: 4 } }),
      /guardrails\.minReplicas: /,
    ],
    [
      'member min above max',
      spec([metric('cpu', 1)], { members: [{ name: 'web', min: 3, max: 2 }] }),
      /members\.0\.min: /,
    ],
    [
      'a step of nothing',
      spec([metric('cpu', 1, [{ kind: 'superior', value: 1, reaction: { horizontal: { by: '0%' } } }])]),
      /by: /,
    ],
    [
      'two thresholds of a kind',
      spec([
        metric(
          'cpu',
          1,
          [1, 2].map((value) => ({ kind: 'superior', value, reaction: up })),
        ),
      ]),
      /metrics\.0\.thresholds: .*keep one/,
    ],
    [
      'a superior threshold that scales down',
      spec([metric('cpu', 1, [{ kind: 'superior', value: 1, reaction: { horizontal: { by: '-5%' } } }])]),
      /metrics\.0\.thresholds\.0\.reaction: .*turn the metric round/,
    ],
    [
      'inferior above superior',
      spec([
        metric('cpu', 1, [
          { kind: 'superior', value: 1, reaction: up },
          { kind: 'inferior', value: 2, reaction: { horizontal: { by: -1 } } },
        ]),
      ]),
      /inferior 2 above superior 1/,
    ],
    [
      'two reactions',
      spec([
        metric('cpu', 1, [
          { kind: 'superior', value: 1, reaction: { ...up, vertical: { resource: 'cpu', by: 1, min: 1, max: 2 } } },
        ]),
      ]),
      /exactly one of horizontal and vertical/,
    ],
    [
      'no threshold value',
      spec([metric('cpu', 1, [{ kind: 'superior', reaction: up }])]),
      /thresholds\.0\.value: is missing/,
    ],
    [
      'a value beside track',
      spec([metric('load', 1, [{ kind: 'superior', value: 3, reaction: { horizontal: { track: 3 } } }])]),
      /left out with track/,
    ],
    [
      'fallback without replicas',
      spec([metric('cpu', 1)], { onMissingMetrics: { action: 'Fallback' } }),
      /onMissingMetrics\.replicas: /,
    ],
    ['an unknown field', spec([metric('cpu', 1)], { interval: 3 }), /interval/],
    ['no object', 'cpu', /spec: /],
  ])('refuses %s, naming the field', (_, input, message) => {
    expect(() => parseLoopSpec(input)).toThrow(message);
    expect(() => parseLoopSpec(input)).toThrow(expect.objectContaining({ name: 'UserError', code: 'loop-spec' }));
  });
});

describe('createReactiveLoop', () => {
  const vertical = { resource: 'cpu', by: 1, min: 1, max: 2 };
  it.each([
    ['a metric that a fleet does not measure', spec([metric('disk', 1)]), /"disk".*Use cpu, memory, p95, load/],
    [
      'vertical cpu',
      spec([metric('cpu', 1, [{ kind: 'superior', value: 1, reaction: { vertical } }])]),
      /Use resource memory/,
    ],
    [
      'members that are not the services',
      spec([metric('cpu', 1)], { members: [{ name: 'web', max: 2 }] }),
      /web is no service, service-0 is no member/,
    ],
  ])('refuses %s', (_, input, message) => {
    expect(() => createReactiveLoop({ spec: parseLoopSpec(input), app: testApp([1]), lanes: 1 })).toThrow(message);
  });
});
