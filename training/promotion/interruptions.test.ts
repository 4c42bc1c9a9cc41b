/** Promotions that are interrupted anywhere and run beside each other, on an API server in memory. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type KubernetesApi, resourceTypes, type WatchEvent } from '../../env/cluster/kubernetes-api.ts';
import { UserError } from '../../env/errors.ts';
import { createDraw } from '../../env/random.ts';
import { type ConfigMap, checkpointOfConfigMap, writeCheckpointConfigMap } from '../export/config-map.ts';
import { promote } from './promote.ts';
import { isOpen, type PromotionRecord, parseRecord, recordAnnotation } from './record.ts';
import { type PromotionScene, promotionScene } from './scene.fixture.ts';
import { shaOf, tinyCheckpoint } from './tiny-checkpoint.fixture.ts';
import { createTurns } from './turns.fixture.ts';

const incumbent = tinyCheckpoint(1);
const candidates = [tinyCheckpoint(2), tinyCheckpoint(3), tinyCheckpoint(4)];
const outsider = tinyCheckpoint(5);

/** What a killed process meets at its next call. */
class Killed extends Error {}

/** A promoter, which is killed before or after a call, or lives. */
interface Life {
  readonly candidate: number;
  readonly passesGate: boolean;
  readonly abort: boolean;
  readonly calls: number;
  readonly diesAfter: boolean;
}

const life = fc.record<Life>({
  candidate: fc.nat(candidates.length - 1),
  passesGate: fc.constantFrom(true, true, true, false),
  abort: fc.constantFrom(false, false, false, true),
  calls: fc.integer({ min: 1, max: 120 }),
  diesAfter: fc.boolean(),
});

/** What the agent tells while a promoter waits. */
const report = fc.record({
  mean: fc.constantFrom(-3, -1.3, -1, -0.5),
  decisions: fc.constantFrom(0, 10, 200),
  abstentions: fc.constantFrom(0, 0, 0, 30),
  seconds: fc.constantFrom(60, 600, 1800),
});

it('one policy that passed the gate follows another, step by step, and the next call ends what was left', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer(),
      fc.array(life, { minLength: 2, maxLength: 7 }),
      fc.array(report, { minLength: 1, maxLength: 10 }),
      fc.record({ pin: fc.boolean(), isOverwritten: fc.constantFrom(false, false, false, true) }),
      async (seed, lives, reports, { pin, isOverwritten }) => {
        const on = await promotionScene(incumbent, { pin });
        const turns = createTurns(createDraw(seed));
        const gates = new Set<string>();
        const history = await recordHistory(on);
        let told = 0;
        const pause = async () => {
          const { seconds, ...seen } = reports[told++ % reports.length];
          on.time.second += seconds;
          await on.report(seen);
        };
        for (const of of lives) {
          const checkpoint = candidates[of.candidate];
          turns.begin(async (turn) => {
            const options = on.options({ api: mortal(on.api, turn, of), pause, abort: of.abort, once: false });
            await promote({
              ...options,
              candidate: of.abort ? undefined : checkpoint,
              async holdGate(candidate, rival) {
                if (of.passesGate) gates.add(`${shaOf(candidate)} ${rival && shaOf(rival)}`);
                return { passed: of.passesGate, reason: 'so it is', rivals: [] };
              },
            }).catch(expectEnd);
          });
        }
        if (isOverwritten) {
          turns.begin(async (turn) => {
            for (let i = 0; i < 30; i++) await turn();
            await writeCheckpointConfigMap(on.api, outsider, { ...on.target, fieldManager: 'somebody' });
          });
        }
        await turns.run();

        // Whatever was left behind, the next call goes on with, to an end.
        const settle = async () => {
          await on.report();
          on.time.second += 300;
        };
        await promote(on.options({ once: false, pause: settle }));
        const { policy } = (await on.loop()).spec;
        const { sha256, record } = await on.inForce();
        expect(isOpen(record)).toBe(false);
        expect(policy.canary).toBeUndefined();
        if (pin && sha256 !== shaOf(outsider)) expect(policy.checkpoint?.sha256).toBe(sha256);
        expectLegal(await history(), gates);
      },
    ),
    { numRuns: 300 },
  );
}, 120_000);

/** The policy in force with its record, and the previous one, after each write of either. */
interface Version {
  readonly sha256: string;
  readonly record: PromotionRecord | undefined;
  readonly previous: string | undefined;
}

async function recordHistory({ api, target: { namespace, name } }: PromotionScene): Promise<() => Promise<Version[]>> {
  const { resourceVersion } = await api.list(resourceTypes.configMap, { namespace });
  const first = await api.get<ConfigMap>(resourceTypes.configMap, namespace, name);
  const seen: ConfigMap[] = [first];
  const stop = new AbortController();
  const watching = api.watch<ConfigMap>(
    resourceTypes.configMap,
    { namespace, resourceVersion, signal: stop.signal },
    ({ object }: WatchEvent<ConfigMap>) => void seen.push(object),
  );
  return async () => {
    stop.abort();
    await watching;
    const versions: Version[] = [];
    let previous: string | undefined;
    for (const object of seen) {
      const sha256 = shaOf(await checkpointOfConfigMap(object));
      if (object.metadata.name === `${name}-previous`) previous = sha256;
      const last = versions.at(-1);
      if (object.metadata.name === name) {
        const record = parseRecord(object.metadata.annotations?.[recordAnnotation], 'test');
        versions.push({ sha256, record, previous });
      } else if (last !== undefined) versions.push({ ...last, previous });
    }
    return versions;
  };
}

/** Every policy in force came there by the stages, and what a roll-back needs was there while it could be needed. */
function expectLegal(versions: readonly Version[], gates: ReadonlySet<string>): void {
  for (const [i, { sha256, record, previous }] of versions.entries()) {
    if (i === 0 || record === undefined || sha256 === shaOf(outsider)) continue;
    const before = versions[i - 1];
    const story = `${before.record?.stage} → ${record.stage}`;
    expect([record.stage, sha256]).toEqual([record.stage, isTaken(record) ? record.candidate : record.incumbent]);
    if (record.stage === 'Watch' || record.stage === 'Accepted') expect(previous).toBe(record.incumbent);
    if (record.stage === before.record?.stage && record.since === before.record.since) continue;
    switch (record.stage) {
      case 'Canary':
        expect(isOpen(before.record), story).toBe(false);
        expect(gates).toContain(`${record.candidate} ${record.incumbent}`);
        break;
      case 'Watch':
        expect(before, story).toMatchObject({ sha256: record.incumbent, record: { stage: 'Canary' } });
        expect(before.record?.candidate).toBe(record.candidate);
        break;
      case 'Accepted':
      case 'RolledBack':
        expect(before, story).toMatchObject({ sha256: record.candidate, record: { stage: 'Watch' } });
        break;
      case 'Rejected':
        // By the gate, or as a canary.
        if (isOpen(before.record)) expect(before.record.stage).toBe('Canary');
        break;
      default:
        expect(isOpen(before.record), story).toBe(true);
    }
  }
}

const isTaken = ({ stage }: PromotionRecord) => stage === 'Watch' || stage === 'Accepted';

function expectEnd(error: unknown): void {
  const isRefusal = error instanceof UserError && error.code.startsWith('PROMOTION_');
  if (!(error instanceof Killed) && !isRefusal) throw error;
}

/** The API as a process has it that is killed. */
function mortal(api: KubernetesApi, turn: () => Promise<void>, { calls, diesAfter }: Life): KubernetesApi {
  let made = 0;
  const guarded =
    <Arguments extends unknown[], Result>(call: (...args: Arguments) => Promise<Result>) =>
    async (...args: Arguments): Promise<Result> => {
      if (made >= calls) throw new Killed();
      await turn();
      made += 1;
      if (made === calls && !diesAfter) throw new Killed();
      const result = await call(...args);
      if (made === calls) throw new Killed();
      return result;
    };
  return {
    ...api,
    get: guarded(api.get) as KubernetesApi['get'],
    list: guarded(api.list) as KubernetesApi['list'],
    create: guarded(api.create) as KubernetesApi['create'],
    apply: guarded(api.apply) as KubernetesApi['apply'],
    mergePatch: guarded(api.mergePatch) as KubernetesApi['mergePatch'],
  };
}
