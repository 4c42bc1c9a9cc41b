/** The faces of the watch as long-lived parts: who looks, and where it is written. */
import type { CommandContext } from '../../env/command.ts';
import type { Runnable } from '../../env/service/run-all.ts';
import { aborted } from '../../env/service/waiting.ts';
import { changeLines, tableText } from './text-face.ts';
import type { WatchView } from './view.ts';
import type { Watch } from './watch.ts';
import { createWatchServer } from './watch-server.ts';

type Print = CommandContext['print'];

/** A line of JSON per view. */
export function jsonFace(watch: Watch, print: Print): Runnable {
  return showing(watch, (view) => print(JSON.stringify(view)));
}

/** Lines about what changed, for a pipe or a log. */
export function lineFace(watch: Watch, print: Print): Runnable {
  let before: WatchView | undefined;
  return showing(watch, (view) => {
    for (const line of changeLines(before, view)) print(line);
    before = view;
  });
}

const home = '\u001b[H';
const clearToEndOfLine = '\u001b[K';
const clearBelow = '\u001b[J';
const clearScreen = '\u001b[2J';

/** A table that is drawn over the one before. @param rows lines that the terminal has now */
export function tableFace(watch: Watch, print: Print, rows: () => number): Runnable {
  let isFirst = true;
  return showing(watch, (view) => {
    const lines = tableText(view).split('\n');
    // One that scrolls could not be drawn over; the last line is the cursor's.
    const room = Math.max(2, rows() - 2);
    const shown =
      lines.length <= room ? lines : [...lines.slice(0, room - 1), `… ${lines.length - room + 1} more lines`];
    const text = shown.map((line) => `${line}${clearToEndOfLine}`).join('\n');
    print(`${isFirst ? clearScreen : ''}${home}${text}${clearBelow}`);
    isFirst = false;
  });
}

export interface WebFaceOptions {
  readonly bind: string;
  readonly port: number;
  readonly allowedHosts: readonly string[];
}

/** The web page; says where it is. */
export function webFace(watch: Watch, { print, log }: CommandContext, options: WebFaceOptions): Runnable {
  const { bind, port, allowedHosts } = options;
  const server = createWatchServer({ watch, host: bind, port, allowedHosts });
  return {
    async run(signal) {
      const told = server.listening.then((address) => {
        if (!isLoopback(bind)) log(`${bind} is no loopback address: whoever reaches it sees what you may read`);
        print(`watching at ${address}`);
      });
      await Promise.all([server.run(signal), told]);
    },
  };
}

function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || /^127\./.test(address);
}

function showing(watch: Watch, show: (view: WatchView) => void): Runnable {
  return {
    async run(signal) {
      const stop = watch.onView(({ view }) => show(view));
      await aborted(signal);
      stop();
    },
  };
}
