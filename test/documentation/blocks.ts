/** What documents show of commands: fenced blocks, the marks above them, and the command lines of `duoloop` in them. Pure. */

export interface CommandBlock {
  /** Path of the document from the repository's root. */
  readonly document: string;
  /** Of its first line of code; 1 is the first of the document. */
  readonly line: number;
  /** `console` shows a session: lines after `$ ` are commands, others what they print. */
  readonly language: 'sh' | 'console';
  readonly code: string;
  /** `<!-- needs a cluster -->`: what is needed that CI does not have. */
  readonly needs: string | undefined;
  /** `<!-- in CI: … -->`: run instead, being the same with less work. */
  readonly insteadInCi: string | undefined;
  /** `<!-- in CI with: --steps 1000 -->`: appended to the commands that take these flags. */
  readonly extraInCi: string | undefined;
  /** `<!-- test-command -->`: what CI runs as a whole. */
  readonly isTestCommand: boolean;
}

const fence = /^(\s*)```(\w*)\s*$/;
const mark = /^\s*<!-- (.+) -->\s*$/;

/** The `sh` and `console` blocks of a document; marks are the HTML comments right above. */
export function commandBlocks(document: string, markdown: string): CommandBlock[] {
  const lines = markdown.split('\n');
  const blocks: CommandBlock[] = [];
  for (let i = 0; i < lines.length; i++) {
    const opening = fence.exec(lines[i]);
    if (opening === null) continue;
    const end = lines.findIndex((line, k) => k > i && line.trim() === '```');
    if (end === -1) throw new Error(`${document}:${i + 1}: the block has no end`);
    const [, , language] = opening;
    if (language === 'sh' || language === 'console') {
      const marks = marksAbove(lines, i);
      const after = (prefix: string) => marks.find((text) => text.startsWith(prefix))?.slice(prefix.length);
      blocks.push({
        document,
        line: i + 2,
        language,
        code: lines.slice(i + 1, end).join('\n'),
        needs: after('needs '),
        insteadInCi: after('in CI: '),
        extraInCi: after('in CI with: '),
        isTestCommand: marks.includes('test-command'),
      });
    }
    i = end;
  }
  return blocks;
}

function marksAbove(lines: readonly string[], fenceIndex: number): string[] {
  const marks: string[] = [];
  for (let i = fenceIndex - 1; i >= 0; i--) {
    const found = mark.exec(lines[i]);
    if (found === null) break;
    marks.push(found[1]);
  }
  return marks;
}

/** What comes before the verb, however a document starts it. */
const start = /^(?:npm run (?:--silent |-s )?duoloop --|npx (?:tsx cli\.ts|duoloop)|duoloop)\s+/;

/** The commands in a block, each on one line, without prompts and comments; not what they read from here-documents. */
export function commandsOf({ language, code }: Pick<CommandBlock, 'language' | 'code'>): string[] {
  const joined = code.replace(/\s*\\\n\s*/g, ' ').replace(/<<'?(\w+)'?[^\n]*\n[\s\S]*?\n\1(?=\n|$)/g, '');
  return joined
    .split('\n')
    .filter((line) => language === 'sh' || /^\s*\$ /.test(line))
    .map((line) =>
      line
        .replace(/^\s*\$ /, '')
        .replace(/(^|\s)#\s.*$/, '')
        .trim(),
    )
    .filter((line) => line !== '');
}

/** The words after `duoloop` of a command line of ours; undefined of any other. */
export function duoloopWords(command: string): string[] | undefined {
  const [first] = command.split(/\s(?:\||&&|>|2>)\s/);
  const begin = start.exec(first);
  if (begin === null) return undefined;
  const words = first.slice(begin[0].length).match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? [];
  return words.filter((word) => word !== '&').map((word) => word.replace(/['"]/g, ''));
}
