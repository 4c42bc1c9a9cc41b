import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { resourceDefinitions } from '../../policies/resources/definitions.ts';
import { checkFor } from './checks.ts';
import { hostsOf, webhookConfiguration } from './registration.ts';

const address = { service: { name: 'duoloop-webhook', namespace: 'duoloop-system' } };

test('asks about every kind that has checks, and about no other', () => {
  const [{ resources }] = webhookConfiguration({ name: 'duoloop', address }).webhooks[0].rules;
  const checked = resourceDefinitions.filter(({ kind }) => checkFor(kind) !== undefined).map(({ plural }) => plural);
  expect([...resources].sort()).toEqual(checked.sort());
});

test('the manifest is what the operator registers, but for the certificate', async () => {
  const file = new URL('../../manifests/admission/webhook.yaml', import.meta.url);
  expect(parse(await readFile(file, 'utf8'))).toEqual(webhookConfiguration({ name: 'duoloop', address }));
});

test('the certificate is for the names that the API server uses', () => {
  expect(hostsOf(address)).toContain('duoloop-webhook.duoloop-system.svc');
  expect(hostsOf({ url: 'https://127.0.0.1:9443' })).toEqual(['127.0.0.1']);
  expect(hostsOf({ url: 'https://[::1]:9443' })).toEqual(['::1']);
});
