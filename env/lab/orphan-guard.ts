/**
 * Ends what a process started when that process is gone, however it went: a shell that waits for its standard input to
 * close, which the kernel does even after SIGKILL.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';

export interface OrphanGuard {
  /** The guard's own process. */
  readonly pid: number;
  watch(pid: number): void;
  /** To be called when the process has ended, since its id may then be given to another. */
  forget(pid: number): void;
  /** Ends the guard without touching what it watches; the folder is removed. */
  dismiss(): Promise<void>;
}

/** POSIX: reads `+pid` and `-pid`; at the end of input kills the rest and removes the folder. */
const script = `
alive=' '
while read -r line; do
  pid=\${line#?}
  case $line in
    +*) alive="$alive$pid " ;;
    -*) case $alive in *" $pid "*) alive="\${alive%%" $pid "*} \${alive#*" $pid "}" ;; esac ;;
    =) rm -rf -- "$1"; exit 0 ;;
  esac
done
for pid in $alive; do kill -KILL "$pid" 2>/dev/null; done
rm -rf -- "$1"
`;

/** @param folder temporary folder of the processes, removed at the end */
export function startOrphanGuard(folder: string): OrphanGuard {
  // Detached: Ctrl-C in a terminal goes to the whole process group and would end the guard before its time.
  const shell = spawn('/bin/sh', ['-c', script, 'duoloop-orphan-guard', folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
  });
  shell.on('error', () => {});
  shell.stdin.on('error', () => {});
  shell.unref();
  const watched = new Set<number>();
  const tell = (line: string) => shell.stdin.write(`${line}\n`);
  // The guard would do the same a moment later; this way it is done when the process has ended.
  const endAll = () => {
    for (const pid of watched) killQuietly(pid);
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  process.once('exit', endAll);
  return {
    pid: shell.pid ?? 0,
    watch(pid) {
      watched.add(pid);
      tell(`+${pid}`);
    },
    forget(pid) {
      watched.delete(pid);
      tell(`-${pid}`);
    },
    async dismiss() {
      process.off('exit', endAll);
      if (running(shell)) {
        const ended = once(shell, 'exit');
        shell.ref();
        tell('=');
        await ended;
      }
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

function running(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}
