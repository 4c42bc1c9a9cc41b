/**
 * `npm run bundle [-- --out FOLDER] [--image-root FOLDER]`: writes the bundle of operator and agent (default: dist) with its
 * bill of materials; that of the whole image when told the folder that becomes the image's root.
 */
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { writeFileWhole } from '../../env/files.ts';
import { repositoryRoot } from '../repository-root.ts';
import { buildBundle } from './bundle.ts';
import { billName, createBill } from './create-bill.ts';

const { values } = parseArgs({
  options: { out: { type: 'string' }, 'image-root': { type: 'string' }, created: { type: 'string' } },
});
const folder = resolve(values.out ?? join(repositoryRoot, 'dist'));
const { files, packages } = await buildBundle(folder);
const bill = await createBill({
  name: 'duoloop',
  parts: [{ folder: repositoryRoot, packages: packages.map(({ name, version }) => `${name}@${version}`) }],
  imageRoot: values['image-root'],
  createdEpoch: values.created,
});
await writeFileWhole(join(folder, billName), bill);
console.log(`${folder}: ${files.length} files with code of ${packages.length} packages`);
