// sizes.mjs FOLDER: what the layers of an image in an OCI layout weigh, in megabytes (10⁶ bytes) compressed.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder] = process.argv.slice(2);
const read = (digest) => JSON.parse(readFileSync(join(folder, 'blobs', ...digest.split(':')), 'utf8'));
const megabytes = (bytes) => (bytes / 1e6).toFixed(1).padStart(7);

const [{ digest }] = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')).manifests;
const { config, layers } = read(digest);
const steps = read(config.digest).history.filter((step) => !step.empty_layer);
for (const [i, { size }] of layers.entries()) console.log(`${megabytes(size)} MB  ${steps[i]?.created_by ?? ''}`);
console.log(`${megabytes(layers.reduce((sum, { size }) => sum + size, 0))} MB  ${digest}`);
