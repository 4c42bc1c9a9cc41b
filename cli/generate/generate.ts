/** `npm run generate [NAME…]`: writes what is generated from code, and removes what no source stands for any more. */
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeFileWhole } from '../../env/files.ts';
import { repositoryRoot } from '../repository-root.ts';
import { generators, leftOverFiles, staleFiles } from './generators.ts';

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !generators.some((generator) => generator.name === name));
if (unknown.length > 0) {
  console.error(
    `error: no generator ${unknown.join(', ')}; there are ${generators.map(({ name }) => name).join(', ')}`,
  );
  process.exit(2);
}
for (const generator of generators) {
  if (asked.length > 0 && !asked.includes(generator.name)) continue;
  const stale = new Set(await staleFiles(generator));
  const files = await generator.files();
  for (const { path, content } of files.filter(({ path }) => stale.has(path))) {
    await mkdir(dirname(join(repositoryRoot, path)), { recursive: true });
    await writeFileWhole(join(repositoryRoot, path), content);
  }
  for (const path of await leftOverFiles(generator, files)) await rm(join(repositoryRoot, path));
  console.log(`${generator.name}: ${files.length} files, ${stale.size} written or removed`);
}
