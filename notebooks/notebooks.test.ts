/** Executes every notebook from top to bottom, and looks at what is committed of them. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, type ExpectStatic, expect, test } from 'vitest';
import * as notebook from '../cli/notebook/notebook.ts';
import { settings } from '../env/settings.ts';
import { readCheckpoint } from '../policies/actor-critic/checkpoint.ts';
import type { Duoloop } from './duoloop.cjs';
import { kernelPackage, type NotebookKernel, notebookKernel } from './kernel.fixture.ts';

interface Output {
  readonly output_type: string;
  readonly text?: string | readonly string[];
  readonly data?: Readonly<Record<string, string | readonly string[]>>;
}
interface Cell {
  readonly cell_type: 'code' | 'markdown';
  readonly source: string | readonly string[];
  readonly outputs?: readonly Output[];
}
interface Notebook {
  readonly cells: readonly Cell[];
  readonly metadata: object;
}

/** What cells are told that they may call: the compiler holds it against what there is. */
const duoloop: Duoloop = notebook;

const folder = fileURLToPath(new URL('.', import.meta.url));
const names = (await readdir(folder)).filter((name) => name.endsWith('.ipynb')).sort();
/** Trains, and so prints what differs in its last digits between tensor backends. */
const trained = 'train-a-small-agent.ipynb';
const mostPictureBytes = 300_000;

const readNotebook = async (file: string): Promise<Notebook> => JSON.parse(await readFile(file, 'utf8'));
const text = (part: string | readonly string[] = '') => (typeof part === 'string' ? part : part.join(''));
const picturesOf = ({ outputs = [] }: Cell) => outputs.map(({ data }) => text(data?.['image/svg+xml'])).filter(Boolean);
const printedBy = ({ cells }: Notebook) =>
  cells.flatMap(({ outputs = [] }) => outputs.map((output) => text(output.text)).filter(Boolean));

/** Every cell that shows pictures shows as many as it says, with something drawn in each. */
function expectPictures(notebook: Notebook, expect: ExpectStatic): void {
  let drawn = 0;
  for (const cell of notebook.cells) {
    const shown = text(cell.source).match(/display\.svg\(/g)?.length ?? 0;
    const pictures = picturesOf(cell);
    expect(pictures).toHaveLength(shown);
    for (const picture of pictures) {
      const marks = picture.match(/<(path|polyline|circle|rect)\b[^>]*(fill|stroke)="#(?!fff)/g)?.length ?? 0;
      expect(marks).toBeGreaterThan(5);
      expect(picture).not.toMatch(/var\(|NaN|undefined/);
      expect(Buffer.byteLength(picture)).toBeLessThan(mostPictureBytes);
    }
    drawn += pictures.length;
  }
  expect(drawn).toBeGreaterThan(1);
}

describe('the notebooks as committed', () => {
  test('are the four that README.md names, which says how to install their kernel', async () => {
    const readme = await readFile(join(folder, 'README.md'), 'utf8');
    expect(names).toHaveLength(4);
    for (const name of names) expect(readme).toContain(`(${name})`);
    expect(readme).toContain(kernelPackage);
  });

  test.each(names)('%s has been executed, and tells nothing of the machine', async (name) => {
    const source = await readFile(join(folder, name), 'utf8');
    // Paths below the repository and URLs are fine; absolute paths, times of execution and host names are not.
    expect(source).not.toMatch(/["'`\s(](\/(home|root|work|tmp|Users|usr|var)\/|[A-Z]:\\\\)|iopub|file:\/\//);
    const notebook: Notebook = JSON.parse(source);
    expectPictures(notebook, expect);
    for (const { cell_type, outputs = [] } of notebook.cells) {
      if (cell_type === 'code') expect(outputs.length).toBeGreaterThan(0);
      for (const output of outputs) expect(output).not.toMatchObject({ name: 'stderr' });
    }
  });

  test('the saved inspection is of the checkpoint that is shipped', async () => {
    const { document } = await readCheckpoint(join(folder, '../policies/checkpoints/frontend'));
    const inspection = await duoloop.readInspection(join(folder, 'results/inspection.json'));
    expect(inspection.identity.weights.sha256).toBe(document.weights.sha256);
  });
});

test('all that cells can call is what they are told', () => {
  // The compiler sees what is missing in cli/notebook, but not what duoloop.d.cts leaves out.
  const told: (keyof Duoloop)[] = [
    'pictures',
    'readCalibration',
    'readComparison',
    'readInspection',
    'readTraining',
    'run',
    'texts',
  ];
  expect(Object.keys(notebook).sort()).toEqual(told);
  const pictures: (keyof Duoloop['pictures'])[] = [
    'cost',
    'curve',
    'decisionMap',
    'entry',
    'importance',
    'load',
    'startUp',
    'trace',
    'training',
  ];
  expect(Object.keys(notebook.pictures).sort()).toEqual(pictures);
});

describe('the notebooks', () => {
  let kernel: NotebookKernel | string;
  let out: string;
  beforeAll(async () => {
    out = await mkdtemp(join(tmpdir(), 'duoloop-notebooks-'));
    kernel = await notebookKernel(console.info).catch((error: Error) => {
      if (settings().continuousIntegration) throw error;
      return error.message;
    });
    // The first time, packages are downloaded.
  }, 600_000);
  afterAll(() => rm(out, { recursive: true }));

  test.concurrent.for(names)(
    '%s runs from top to bottom and shows what is committed of it',
    { timeout: 300_000 },
    async (name, { expect, skip }) => {
      if (typeof kernel === 'string') return skip(kernel);
      const file = join(out, name);
      await kernel.execute(join(folder, name), file);
      const [fresh, committed] = await Promise.all([readNotebook(file), readNotebook(join(folder, name))]);
      expectPictures(fresh, expect);
      // Else: notebooks/README.md says how to execute it again, and its conclusions need to be read again.
      if (name !== trained) expect(printedBy(fresh)).toEqual(printedBy(committed));
    },
  );
});
