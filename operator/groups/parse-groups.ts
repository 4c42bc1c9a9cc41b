/** groups.txt of the Coordinated Scaling Operator: a line a group, comma-separated names of workloads. Pure. */
import { UserError } from '../../env/errors.ts';
import { objectName } from '../../policies/resources/resource.ts';

/** Names of a group's members, in the order of the file. */
export type GroupLine = readonly string[];

const largestGroup = 64;

/**
 * `#` begins a comment; blank lines, blanks around names and CRLF are fine.
 * @param file for messages
 * @throws UserError `groups.file` with every line that is wrong
 */
export function parseGroups(text: string, file: string): GroupLine[] {
  const groups: GroupLine[] = [];
  const problems: string[] = [];
  const lineOfName = new Map<string, number>();
  // Editors on Windows begin a file with a byte order mark.
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
  for (const [i, line] of lines.entries()) {
    const content = line.replace(/#.*$/, '').trim();
    if (content === '') continue;
    const number = i + 1;
    const names = content.split(',').map((name) => name.trim());
    if (names.length > largestGroup) {
      problems.push(`line ${number}: has ${names.length} names; a group takes up to ${largestGroup}, split it`);
    }
    for (const name of names) {
      const problem = problemOfName(name, number, lineOfName.get(name));
      if (problem === undefined) lineOfName.set(name, number);
      else problems.push(`line ${number}: ${problem}`);
    }
    groups.push(names);
  }
  if (problems.length === 0 && groups.length === 0) {
    problems.push('has no group: write a line a group, such as webui,auth,db');
  }
  if (problems.length === 0) return groups;
  const where = problems.length > 1 ? `${file}:\n  ${problems.join('\n  ')}` : `${file}: ${problems[0]}`;
  throw new UserError('groups.file', where);
}

function problemOfName(name: string, line: number, earlierLine: number | undefined): string | undefined {
  if (name === '') return 'has an empty name: remove the comma that is too many';
  if (!objectName.safeParse(name).success) {
    return `${JSON.stringify(name)} is no name of a workload: use lower-case letters, digits, - and ., at most 253`;
  }
  if (earlierLine === line) return `has ${name} twice: remove one`;
  if (earlierLine !== undefined) {
    return `${name} is in the group of line ${earlierLine} already: a workload scales with one group, remove it from one`;
  }
  return undefined;
}
