import { expect, test } from 'vitest';
import { commandBlocks, commandsOf, duoloopWords } from './blocks.ts';

const markdown = `# Title
<!-- needs a cluster -->
<!-- in CI with: --steps 5 -->
\`\`\`sh
kubectl apply -f - <<'EOF'
duoloop nonsense
EOF
npm run duoloop -- train --app 'my app' \\
  --out runs/x   # a comment
\`\`\`
text
\`\`\`console
$ duoloop doctor | tee out
duoloop prints this
\`\`\`
\`\`\`json
{}
\`\`\`
`;

test('blocks with their marks, commands without prompts, comments and here-documents', () => {
  const [first, second, ...others] = commandBlocks('a.md', markdown);
  expect(others).toEqual([]);
  expect(first).toMatchObject({ line: 5, language: 'sh', needs: 'a cluster', extraInCi: '--steps 5' });
  expect(second).toMatchObject({ language: 'console', needs: undefined, isTestCommand: false });
  expect(commandsOf(first)).toEqual(['kubectl apply -f -', `npm run duoloop -- train --app 'my app' --out runs/x`]);
  expect(commandsOf(second)).toEqual(['duoloop doctor | tee out']);
});

test.each([
  [`npm run duoloop -- train --app 'my app'`, ['train', '--app', 'my app']],
  [`npm run --silent duoloop -- doctor --json > x`, ['doctor', '--json']],
  ['npx duoloop doctor &', ['doctor']],
  ['duoloop explain closedloop/web -n shop | head', ['explain', 'closedloop/web', '-n', 'shop']],
  ['kubectl get pods', undefined],
])('%s', (command, words) => {
  expect(duoloopWords(command)).toEqual(words);
});
