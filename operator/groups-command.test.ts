import { afterEach, describe, expect, test, vi } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { command } from './groups-command.ts';

/** What the process would have set; read once by the real settings, so given here. */
const environment = vi.hoisted(() => ({ current: {} as Record<string, string | undefined> }));
vi.mock('../env/settings.ts', async (original) => {
  const { parseSettings } = await original<typeof import('../env/settings.ts')>();
  return { settings: () => parseSettings(environment.current) };
});
afterEach(() => {
  environment.current = {};
});

async function run(
  input: object,
): Promise<{ kind: string; metadata: { name: string; namespace: string }; spec: object }[]> {
  const printed: string[] = [];
  const signal = new AbortController().signal;
  const context = { signal, print: (line: string) => void printed.push(line), log: () => {}, commandLine: '' };
  await command.run(command.schema.parse({ action: 'import', ...input }), context);
  return parseAllDocuments(printed.join('\n')).map((document) => document.toJS());
}

describe('duoloop groups import', () => {
  test('takes what the Coordinated Scaling Operator is configured with', async () => {
    environment.current = { NAMESPACE: 'shop', APP_NAME: 'Tea_Store', ACTION_INTERVAL: '30' };
    const [group, loop, deliberative] = await run({});
    expect(group).toMatchObject({
      kind: 'ScalingGroup',
      metadata: { name: 'tea-store-group', namespace: 'shop' },
      spec: { memberSelector: { matchLabels: { app: 'Tea_Store' } } },
    });
    expect(loop).toMatchObject({ kind: 'ClosedLoop', spec: { targetRef: { name: 'tea-store-group' } } });
    expect(deliberative).toMatchObject({
      kind: 'DeliberativeLoop',
      spec: { intervalSeconds: 30, guardrails: { staleAfterSeconds: 90 } },
    });
  });

  test('lets flags win over the environment', async () => {
    environment.current = { NAMESPACE: 'theirs', APP_NAME: 'theirs' };
    const [group, ...more] = await run({ namespace: 'mine', appName: 'mine' });
    expect(group.metadata).toMatchObject({ name: 'mine-group', namespace: 'mine' });
    expect(more).toEqual([]);
  });

  test.each([
    [{ appName: 'shop' }, {}, /--namespace is missing: .*NAMESPACE/],
    [{ namespace: 'shop' }, {}, /nothing to import: name a file .*GROUP_FILE.*--app-name/],
    [{ namespace: 'shop', file: '/does/not/exist' }, {}, /cannot read \/does\/not\/exist: ENOENT/],
    [{ namespace: 'shop', appName: 'a', ratio: ['web=2'] }, {}, /--ratio web=2: web is in no group/],
    [{ appName: 'shop' }, { NAMESPACE: 'My Shop' }, /NAMESPACE="My Shop" in the environment: .*correct or unset it/],
    [{ appName: 'a', namespace: 'shop' }, { ACTION_INTERVAL: 'often' }, /ACTION_INTERVAL="often" in the environment/],
  ])('refuses %j in %j', async (input, variables, message) => {
    environment.current = variables;
    await expect(run(input)).rejects.toThrow(
      expect.objectContaining({ name: 'UserError', message: expect.stringMatching(message) }),
    );
  });

  test.each([
    [{ ratio: ['webui'] }, /<member>=<number>/],
    [{ ratio: ['webui=0'] }, /./],
    [{ minReplicas: '5', maxReplicas: '4' }, /above --max-replicas/],
    [{ action: 'export' }, /must be import/],
  ])('refuses the flags %j', (flags, message) => {
    const parsed = command.schema.safeParse({ action: 'import', ...flags });
    expect(parsed.error?.issues.map((issue) => issue.message).join()).toMatch(message);
  });
});
