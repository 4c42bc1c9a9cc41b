/** `duoloop setup-native`: always succeeds, since without the native backend everything works, only slower. */
import { z } from 'zod';
import { defineCommand } from '../../env/command.ts';
import { setupNative } from './native-setup.ts';

export const command = defineCommand({
  examples: ['duoloop setup-native', 'duoloop setup-native --force'],
  options: [
    { flags: '--force', description: 'build anew although it is there' },
    { flags: '--json', description: 'print the result as JSON' },
  ],
  schema: z.object({ force: z.boolean().default(false), json: z.boolean().default(false) }),
  async run({ force, json }, context) {
    const result = await setupNative({ force, log: context.log, signal: context.signal });
    if (json) context.print(JSON.stringify(result));
    else if (result.status === 'unavailable') {
      context.log(`native tensor backend: not available, WebAssembly is used instead: ${result.reason}`);
    } else context.log(`native tensor backend: ${result.status} at ${result.folder}`);
    return 0;
  },
});
