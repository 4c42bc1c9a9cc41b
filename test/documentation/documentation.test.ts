/** Documents that a user follows: each command is one that there is, those that need nothing else run, and links lead somewhere. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { takeCommandLine } from '../../cli/take-command-line.fixture.ts';
import { verbs } from '../../cli.ts';
import { repositoryFiles, repositoryRoot } from '../repository-files.ts';
import { type CommandBlock, commandBlocks, commandsOf, duoloopWords } from './blocks.ts';

const documents = repositoryFiles('.md').filter(({ path }) => !path.startsWith('docs/decisions/'));
const blocks = documents.flatMap(({ path, read }) => commandBlocks(path, read()));
const place = ({ document, line }: CommandBlock) => `${document}:${line}`;

describe('a command that is shown', () => {
  const shown = blocks.flatMap((block) =>
    commandsOf(block).flatMap((command) => {
      const words = duoloopWords(command);
      return words === undefined ? [] : [{ where: place(block), words }];
    }),
  );
  test('is taken by its verb', async () => {
    expect(shown.length).toBeGreaterThan(20);
    const refused = [];
    for (const { where, words } of shown) {
      const typed = words.map((word) => word.replace('PORT', '9090'));
      const { exitCode, errors } = await takeCommandLine(verbs, typed);
      if (exitCode !== 0) refused.push({ where, typed, errors });
    }
    expect(refused).toEqual([]);
  });

  test('is run here, or says what it needs', () => {
    const unclear = blocks.filter(({ language, needs }) => language === 'console' && needs === undefined);
    expect(unclear.map(place)).toEqual([]);
  });
});

describe('what a document shows, one block after another', () => {
  const folders: string[] = [];
  afterAll(async () => {
    for (const folder of folders) await rm(folder, { recursive: true, force: true });
  });

  const runnable = blocks.filter(
    ({ language, needs, isTestCommand }) => language === 'sh' && needs === undefined && !isTestCommand,
  );
  const byDocument = [...new Set(runnable.map(({ document }) => document))].map(
    (document) => [document, runnable.filter((block) => block.document === document)] as const,
  );
  test.each(byDocument)('works: %s', { timeout: 240_000 }, async (_, ofDocument) => {
    const folder = await checkoutOfLinks();
    folders.push(folder);
    for (const block of ofDocument) {
      const script = await inCi(block);
      // Else npm itself would print something.
      const env = { ...process.env, npm_config_loglevel: 'silent' };
      const run = promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], { cwd: folder, env });
      const outcome = await run.then(
        ({ stdout }) => (stdout.trim() === '' ? 'printed nothing' : 'ok'),
        ({ stdout, stderr }) => `${script}\n${stdout}${stderr}`,
      );
      expect({ where: place(block), outcome }).toEqual({ where: place(block), outcome: 'ok' });
    }
  });

  /** What commands write must not end up among the files of whoever runs the tests. */
  async function checkoutOfLinks(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'duoloop-documented-'));
    for (const entry of await readdir(repositoryRoot)) {
      if (!['runs', '.git', 'dist'].includes(entry)) await symlink(join(repositoryRoot, entry), join(folder, entry));
    }
    return folder;
  }

  async function inCi(block: CommandBlock): Promise<string> {
    if (block.insteadInCi !== undefined) return block.insteadInCi;
    const { extraInCi } = block;
    if (extraInCi === undefined) return block.code;
    const commands = commandsOf(block).map(async (command) => {
      const words = duoloopWords(command);
      const isTaken = words && (await takeCommandLine(verbs, [...words, ...extraInCi.split(' ')])).exitCode === 0;
      return isTaken ? `${command} ${extraInCi}` : command;
    });
    return (await Promise.all(commands)).join('\n');
  }
});

test('every link within the repository leads somewhere', () => {
  const broken = repositoryFiles('.md').flatMap(({ path, read }) => {
    const text = read()
      .replace(/```[\s\S]*?```/g, '')
      // Patterns in code have brackets and parentheses as well.
      .replace(/`[^`\n]*`/g, '');
    return [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link]) => {
      if (/^(https?|mailto):/.test(link)) return [];
      const [file, anchor] = link.split('#');
      const target = file === '' ? path : join(dirname(path), decodeURIComponent(file));
      if (!existsSync(join(repositoryRoot, target))) return [`${path}: ${link}`];
      return anchor === undefined || !target.endsWith('.md') || anchorsOf(target).has(anchor)
        ? []
        : [`${path}: ${link}`];
    });
  });
  expect(broken).toEqual([]);
});

/** As code-hosting sites make them from headings. */
function anchorsOf(path: string): Set<string> {
  const text = documents.find((each) => each.path === path)?.read() ?? '';
  const headings = [...text.replace(/```[\s\S]*?```/g, '').matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading);
  const explicit = [...text.matchAll(/<a (?:id|name)="([^"]+)"/g)].map(([, id]) => id);
  return new Set([
    ...explicit,
    ...headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replace(/\s/g, '-'),
    ),
  ]);
}
