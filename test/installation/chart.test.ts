/** What of the manifests has to agree with the code and needs no helm to be seen. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { shippedAgentRules } from '../../agent/agent-rules.fixture.ts';
import { metricPresets } from '../../env/cluster/live/metric-queries.ts';
import { chart, repository } from './chart.fixture.ts';

const read = (path: string) => readFile(join(repository, path), 'utf8');

it('chart, application and images have the version of the package', async () => {
  const { version } = JSON.parse(await read('package.json'));
  const { version: chartVersion, appVersion } = parse(await readFile(join(chart, 'Chart.yaml'), 'utf8'));
  expect({ chartVersion, appVersion }).toEqual({ chartVersion: version, appVersion: version });
  const files = await readdir(join(repository, 'manifests/training'));
  const images = await Promise.all(
    files.map(async (file) => [...(await read(`manifests/training/${file}`)).matchAll(/image: (\S+)/g)]),
  );
  expect(new Set(images.flat().map(([, image]) => image))).toEqual(new Set([`duoloop-training:${version}`]));
});

it('the chart takes the presets that the agent knows', async () => {
  const schema = JSON.parse(await readFile(join(chart, 'values.schema.json'), 'utf8'));
  expect(schema.properties.preset.enum).toEqual([...metricPresets]);
});

it.each(['docs/agent.md', 'agent/README.md'])("%s shows the agent's rights as they are shipped", async (file) => {
  const blocks = [...(await read(file)).matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml]) => yaml);
  const shown = blocks.flatMap((yaml) => parseAllDocuments(yaml)).map((document) => document.toJS()?.rules);
  expect(shown.filter((rules) => rules !== undefined)).toEqual([shippedAgentRules()]);
});
