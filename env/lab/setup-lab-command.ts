/** `duoloop setup-lab`: gets the programs of the lab's control plane, once. */
import { z } from 'zod';
import { defineCommand } from '../command.ts';
import { UserError } from '../errors.ts';
import { binaryNames, labBinaryNames } from './binaries/catalog.ts';
import { obtainBinaries } from './binaries/obtain.ts';

const origin = {
  folder: 'DUOLOOP_BIN_DIR or KUBEBUILDER_ASSETS',
  path: 'PATH',
  cache: 'cache',
  download: 'downloaded',
  build: 'built',
} as const;

export const command = defineCommand({
  examples: ['duoloop setup-lab', 'duoloop setup-lab --only etcd kube-apiserver kubectl', 'duoloop setup-lab --json'],
  options: [
    { flags: '--only <program...>', description: `of ${binaryNames.join(', ')}; all of the lab unless given` },
    { flags: '--with-test-tools', description: 'also what only the tests of this repository run (helm, promtool)' },
    { flags: '--if-possible', description: 'succeed although some can be neither found, downloaded nor built' },
    { flags: '--json', description: 'print the result as JSON' },
  ],
  schema: z.object({
    only: z.array(z.enum(binaryNames)).optional(),
    withTestTools: z.boolean().default(false),
    ifPossible: z.boolean().default(false),
    json: z.boolean().default(false),
  }),
  async run({ only, withTestTools, ifPossible, json }, context) {
    const names = only ?? (withTestTools ? binaryNames : labBinaryNames);
    try {
      const found = await obtainBinaries({ names, log: context.log, signal: context.signal });
      if (json) context.print(JSON.stringify(found, null, 2));
      else for (const { name, file, source } of found) context.print(`${name.padEnd(24)}${origin[source]}: ${file}`);
      return 0;
    } catch (error) {
      if (!ifPossible || !(error instanceof UserError)) throw error;
      if (json) context.print(JSON.stringify({ error: error.message }));
      context.log(`control plane: ${error.message}`);
      return 0;
    }
  },
});
