/**
 * `tsx cli/bundle/run-bill.ts --name IMAGE --installed FOLDER… --out FILE [--library PURL…] [--image-root FOLDER]`: the bill
 * of materials of an image that has packages as npm installed them, and libraries that came by other ways.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeFileWhole } from '../../env/files.ts';
import { createBill } from './create-bill.ts';
import { installedPackages } from './installed-packages.ts';

const text = { type: 'string' } as const;
const texts = { type: 'string', multiple: true, default: [] as string[] } as const;
const { values } = parseArgs({
  options: { name: text, installed: texts, library: texts, out: text, 'image-root': text, created: text },
});
const { name, installed, out } = values;
if (name === undefined || installed.length === 0 || out === undefined) {
  console.error('error: --name, --installed and --out are needed');
  process.exit(2);
}
const parts = await Promise.all(
  installed.map(async (folder) => {
    const lock = await readFile(join(folder, 'node_modules/.package-lock.json'), 'utf8');
    return { folder, packages: installedPackages(JSON.parse(lock)) };
  }),
);
const options = {
  name,
  parts,
  libraries: values.library,
  imageRoot: values['image-root'],
  createdEpoch: values.created,
};
await writeFileWhole(out, await createBill(options));
console.log(`${out}: ${parts.map(({ packages }) => packages.length).join(' and ')} packages of npm`);
