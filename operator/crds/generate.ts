/** `npm run generate`: writes manifests/crds, and removes what no resource stands for any more. */
import { readdir, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { writeFileWhole } from '../../env/files.ts';
import { crdFiles, crdFolder } from './crd-files.ts';

const files = crdFiles();
for (const { name, content } of files) await writeFileWhole(fileURLToPath(new URL(name, crdFolder)), content);
for (const name of await readdir(crdFolder)) {
  if (!files.some((file) => file.name === name)) await rm(new URL(name, crdFolder));
}
