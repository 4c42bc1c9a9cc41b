import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { UserError } from '../errors.ts';
import { appHash, loadApp, parseApp, shippedApps } from './load-app.ts';

// biome-ignore lint/suspicious/noExplicitAny: the tests break documents in every way
type Document = any;

const readDocument = async (name: string): Promise<Document> =>
  JSON.parse(await readFile(new URL(`./${name}.json`, import.meta.url), 'utf8'));
const frontend = await readDocument('frontend');
const teastore = await readDocument('teastore');

function refusal(text: string): UserError {
  try {
    parseApp(text, 'my-app.json');
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).message).toContain('app model my-app.json');
    return error as UserError;
  }
  throw new Error('was accepted');
}

describe('shipped app models', () => {
  it.each(shippedApps)('%s is valid, named like its file and says where its figures come from', async (name) => {
    const app = await loadApp(name);
    expect(app.name).toBe(name);
    expect(app.source.length).toBeGreaterThan(20);
  });

  it('have the services and the SLA that is claimed', async () => {
    const sizes = await Promise.all(shippedApps.map(async (name) => (await loadApp(name)).services.length));
    expect(Object.fromEntries(shippedApps.map((name, i) => [name, sizes[i]]))).toMatchObject({
      frontend: 1,
      teastore: 7,
      boutique: 11,
    });
    expect(await loadApp('frontend')).toMatchObject({ slaP95Milliseconds: 5, minGroupSize: 1, maxGroupSize: 15 });
  });
});

describe('an app model', () => {
  it.each([[0], [2], ['1'], [null], [undefined]])('of version %j is refused with what is read here', (version) => {
    const error = refusal(JSON.stringify({ ...frontend, version }));
    expect(error.code).toBe('APP_VERSION');
    expect(error.message).toContain('reads version 1');
  });

  it.each(['', '{', '[1, 2', 'app: frontend'])('that is not JSON (%j) is refused', (text) => {
    expect(refusal(text).code).toBe('APP_INVALID');
  });

  it.each(['null', '7', '"frontend"', '[]', '{}'])('that is no object of a version (%s) is refused', (text) => {
    expect(refusal(text).code).toBe('APP_VERSION');
  });

  const broken: [string, Document, (app: Document) => void, string][] = [
    ['a missing SLA', frontend, (app) => delete app.slaP95Milliseconds, 'slaP95Milliseconds'],
    ['a negative cold start', frontend, (app) => (app.coldStartSeconds = -1), 'coldStartSeconds'],
    ['a misspelt field', frontend, (app) => (app.coldStart = 30), 'coldStart'],
    ['no services', frontend, (app) => (app.services = []), 'services'],
    ['two services on measured curves', frontend, (app) => app.services.push(app.services[0]), 'exactly one service'],
    ['more replicas than curves', frontend, (app) => (app.services[0].maxReplicas = 16), 'maxReplicas is 16'],
    ['a curve left out', frontend, (app) => app.serving.curves.splice(4, 1), '1, 2, 3'],
    ['a curve of unequal lengths', frontend, (app) => app.serving.curves[2].memory.pop(), 'one value per load'],
    ['loads out of order', frontend, (app) => app.serving.curves[0].load.reverse(), 'strictly increasing'],
    [
      'a NaN, which JSON writes as null',
      frontend,
      (app) => (app.serving.curves[0].cpuPercent[3] = Number.NaN),
      'cpuPercent',
    ],
    ['more replicas than can be computed', teastore, (app) => (app.services[0].maxReplicas = 1e9), 'maxReplicas'],
    ['a group larger than can be computed', teastore, (app) => (app.maxGroupSize = 1e9), 'maxGroupSize'],
    ['a cold start of years', teastore, (app) => (app.coldStartSeconds = 1e9), 'coldStartSeconds'],
    ['a demand left out', teastore, (app) => app.serving.demands.pop(), 'one entry per service'],
    ['a call to itself', teastore, (app) => (app.serving.calls[0] = { from: 1, to: 1, perVisit: 1 }), 'no cycles'],
    ['a call back', teastore, (app) => (app.serving.calls[0] = { from: 4, to: 1, perVisit: 1 }), 'no cycles'],
    ['a call to no service', teastore, (app) => (app.serving.calls[0] = { from: 0, to: 9, perVisit: 1 }), 'no cycles'],
    ['group bounds the wrong way round', frontend, (app) => (app.minGroupSize = 16), 'above maxGroupSize 15'],
    ['replicas the wrong way round', frontend, (app) => (app.services[0].minReplicas = 16), 'above maxReplicas 15'],
    ['a service twice', teastore, (app) => (app.services[1].name = 'webui'), 'webui is there twice'],
    ['an unknown way of serving', teastore, (app) => (app.serving.kind = 'guess'), 'kind'],
  ];
  it.each(broken)('with %s is refused, and the message names it', (_what, document, spoil, message) => {
    const copy = structuredClone(document);
    spoil(copy);
    const error = refusal(JSON.stringify(copy));
    expect(error.code).toBe('APP_INVALID');
    expect(error.message).toContain(message);
  });

  it('that does not exist is refused with the names of those that are shipped', async () => {
    const error = await loadApp('frontent').catch((reason) => reason);
    expect(error).toBeInstanceOf(UserError);
    expect(error.code).toBe('APP_UNREADABLE');
    for (const name of shippedApps) expect(error.message).toContain(name);
  });
});

it('the hash of an app model follows its content, not its formatting or the order of its fields', () => {
  const pretty = parseApp(JSON.stringify(frontend, null, 4), 'a');
  const reversed = parseApp(JSON.stringify(Object.fromEntries(Object.entries(frontend).reverse())), 'b');
  const other = parseApp(JSON.stringify({ ...frontend, coldStartSeconds: 31 }), 'c');
  expect(appHash(reversed)).toBe(appHash(pretty));
  expect(appHash(other)).not.toBe(appHash(pretty));
});
