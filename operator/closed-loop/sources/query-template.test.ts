import { parser } from '@prometheus-io/lezer-promql';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseQueryTemplate, renderQuery } from './query-template.ts';

const loop = { namespace: 'shop', target: 'web' };
const render = (query: string, values = loop) => renderQuery(parseQueryTemplate(query), values);

describe('placeholders', () => {
  test.each([
    ['a{ns="$namespace",w="$target"}', 'a{ns="shop",w="web"}'],
    ["a{w='$target'}", 'a{w="web"}'],
    ['a{w=~`$target-\\d+`}', 'a{w=~"web-\\\\d+"}'],
    [`a{w="\${target}_canary"}`, 'a{w="web_canary"}'],
    ['a{"l.x"!="$target"}', 'a{"l.x"!="web"}'],
    ['a{w=~"web$"}', 'a{w=~"web$"}'],
    [
      'label_replace(a{w="$target"}, "x", "$1-$name", "y", "(?P<name>.*)")',
      'label_replace(a{w="web"}, "x", "$1-$name", "y", "(?P<name>.*)")',
    ],
    ["a{w='it\\'s \"$target\"'}", 'a{w="it\'s \\"web\\""}'],
    ['sum(a) # of {w="$target"}', 'sum(a) # of {w="$target"}'],
  ])('%s becomes %s', (query, expected) => {
    expect(render(query)).toBe(expected);
  });

  test('in a regular expression a value stands for itself', () => {
    expect(render('a{w=~"$target-.*"}', { ...loop, target: 'v1.2|x' })).toBe('a{w=~"v1\\\\.2\\\\|x-.*"}');
  });
});

test.each([
  ['rate(a{w="$target"}[$window])', 'query.syntax', /placeholders are replaced inside the strings/],
  ['sum(a{w="$target"}', 'query.syntax', /at its end/],
  ['', 'query.syntax', /not PromQL/],
  ['# nothing', 'query.syntax', /not PromQL/],
  ['a{w="\\$target"}', 'query.syntax', /\\x24/],
  ['label_replace(a, "x", "$target", "", "")', 'query.placeholder', /\$target stands outside of a label matcher/],
  ['a{w="$traget"}', 'query.variable', /\$traget has no value.*\$namespace, \$target/],
])('%s is refused', (query, code, message) => {
  expect(() => render(query)).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
});

/** What a query is made of, without the texts of its strings. */
function structure(query: string): string[] {
  const nodes: string[] = [];
  parser.parse(query).iterate({
    enter(node) {
      nodes.push(
        node.name === 'StringLiteral'
          ? node.name
          : `${node.name} ${node.node.firstChild ? '' : query.slice(node.from, node.to)}`,
      );
    },
  });
  return nodes;
}

test('no value changes the structure of a query', () => {
  const templates = [
    'sum by (le) (rate(a_bucket{ns="$namespace",w=\'$target\'}[1m])) / b{w=~"x$target|y"}',
    `a{w!=\`$target\`, v!~"\${target}.*"} unless on (w) a{w="pre\\\\\\\\$target\\\\\\\\"}`,
  ].map(parseQueryTemplate);
  const nasty = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({
      unit: fc.constantFrom('"', "'", '`', '\\', '\n', '}', '{', '$target', '#', '|', '\u2028', '\ud800', 'é'),
    }),
  );
  fc.assert(
    fc.property(nasty, nasty, (namespace, target) => {
      for (const template of templates) {
        const plain = renderQuery(template, loop);
        expect(structure(renderQuery(template, { namespace, target }))).toEqual(structure(plain));
      }
    }),
    { numRuns: 500 },
  );
});
