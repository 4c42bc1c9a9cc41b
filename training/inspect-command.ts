/** `duoloop inspect`: what a checkpoint is and does. */
import { z } from 'zod';
import { appHash, loadApp } from '../env/apps/load-app.ts';
import { defineCommand } from '../env/command.ts';
import { UserError } from '../env/errors.ts';
import { writeFileWhole } from '../env/files.ts';
import { readCheckpoint } from '../policies/actor-critic/checkpoint.ts';
import { inspectCheckpoint } from './inspect.ts';
import { checkInspection } from './inspection.ts';

export const command = defineCommand({
  examples: [
    'duoloop inspect policies/checkpoints/frontend',
    'duoloop inspect runs/new --against policies/checkpoints/frontend --html inspect.html',
    'duoloop inspect policies/checkpoints/frontend --json -',
  ],
  arguments: [{ name: '<checkpoint>', description: 'the folder of a checkpoint' }],
  options: [
    { flags: '--against <checkpoint>', description: 'another checkpoint to show the difference to' },
    { flags: '--app <name>', description: 'the app model it was trained on, when it is not a shipped one' },
    { flags: '--html <file>', description: 'writes a page with charts that opens offline' },
    { flags: '--json <file>', description: 'writes everything as JSON; - is stdout' },
  ],
  schema: z.object({
    checkpoint: z.string(),
    against: z.string().optional(),
    app: z.string().optional(),
    html: z.string().optional(),
    json: z.string().optional(),
  }),
  async run(input, context) {
    const here = { path: input.checkpoint, checkpoint: await readCheckpoint(input.checkpoint) };
    const there =
      input.against === undefined
        ? undefined
        : { path: input.against, checkpoint: await readCheckpoint(input.against) };
    const trainedOn = here.checkpoint.document.app;
    const app = await loadApp(input.app ?? trainedOn.name);
    if (there && there.checkpoint.document.app.name !== app.name) {
      throw new UserError(
        'CHECKPOINT_APP',
        `--against ${input.against} was trained on ${there.checkpoint.document.app.name}, ${input.checkpoint} on ${app.name}; compare checkpoints of one application`,
      );
    }
    if (appHash(app) !== trainedOn.hash) {
      context.log(
        `note: app model ${app.name} has changed since this checkpoint was trained; what it does is shown on today's model`,
      );
    }
    const inspection = await inspectCheckpoint(app, here, there);
    checkInspection(inspection);
    if (input.json === '-') context.print(JSON.stringify(inspection, null, 1));
    else {
      const { renderInspectionText } = await import('./report/text-table.ts');
      context.print(renderInspectionText(inspection));
      if (input.json !== undefined) await writeFileWhole(input.json, `${JSON.stringify(inspection, null, 1)}\n`);
    }
    if (input.html !== undefined) {
      const { renderInspectPage } = await import('./report/inspect-page.ts');
      await writeFileWhole(input.html, renderInspectPage(inspection));
      context.log(`page: ${input.html}`);
    }
    return 0;
  },
});
