import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { objectName } from '../../policies/resources/resource.ts';
import { groupManifests, groupName } from './group-manifests.ts';
import { parseGroups } from './parse-groups.ts';

describe('parseGroups', () => {
  test('takes comments, blank lines, blanks, CRLF and a byte order mark', () => {
    const text = '\uFEFF# TeaStore\r\nwebui, auth ,db\r\n\r\n  image # the cache\r\n';
    expect(parseGroups(text, 'groups.txt')).toEqual([['webui', 'auth', 'db'], ['image']]);
  });

  test.each([
    ['webui,,db', 'groups.txt: line 1: has an empty name: remove the comma that is too many'],
    ['webui,', 'groups.txt: line 1: has an empty name: remove the comma that is too many'],
    ['\nwebui,db,webui', 'groups.txt: line 2: has webui twice: remove one'],
    [
      'webui,db\n#\nimage,db',
      'groups.txt: line 3: db is in the group of line 1 already: a workload scales with one group, remove it from one',
    ],
    [
      'web_ui',
      'groups.txt: line 1: "web_ui" is no name of a workload: use lower-case letters, digits, - and ., at most 253',
    ],
    ['# nothing\n', 'groups.txt: has no group: write a line a group, such as webui,auth,db'],
    [
      Array.from({ length: 65 }, (_, i) => `w${i}`).join(),
      'groups.txt: line 1: has 65 names; a group takes up to 64, split it',
    ],
    ['Webui\na,a', expect.stringMatching(/^groups\.txt:\n {2}line 1: "Webui".*\n {2}line 2: has a twice/)],
  ])('refuses %j with the line', (text, message) => {
    expect(() => parseGroups(text, 'groups.txt')).toThrow(
      expect.objectContaining({ name: 'UserError', code: 'groups.file', message }),
    );
  });
});

describe('groupName', () => {
  const member = fc
    .array(fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,60}[a-z0-9])?$/), { minLength: 1, maxLength: 4 })
    .map((labels) => labels.join('.'))
    .filter((name) => name.length <= 253);

  test('is valid, and each first member has its own', () => {
    fc.assert(
      fc.property(fc.uniqueArray(member, { minLength: 1, maxLength: 5 }), (members) => {
        const names = members.map((name) => groupName([name]));
        for (const name of names) expect(objectName.safeParse(name).success).toBe(true);
        expect(new Set(names).size).toBe(members.length);
      }),
    );
  });

  test('does not depend on the order of the file or on who joins later', () => {
    const options = {
      namespace: 'shop',
      kind: 'Deployment',
      ratios: {},
      replicas: 1,
      minReplicas: 1,
      maxReplicas: 9,
    } as const;
    const names = (lines: string[][]) => groupManifests(lines, options).map(({ metadata }) => metadata.name);
    expect(names([['webui', 'db'], ['image']])).toEqual(['webui-group', 'image-group']);
    expect(
      names([
        ['image', 'cache'],
        ['webui', 'db', 'auth'],
      ]),
    ).toEqual(['image-group', 'webui-group']);
  });
});
