/**
 * Pushes with bad tokens as fast as told, as a process of its own: `node push-flood.fixture.ts URL PATH PER_SECOND SECONDS
 * FROM`. Requests are pipelined on few connections, so that sending costs less than refusing. Prints what came of them as JSON.
 */
import { connect, type Socket } from 'node:net';

export interface FloodResult {
  readonly sent: number;
  readonly seconds: number;
  /** Answers by HTTP status. */
  readonly answers: Readonly<Record<string, number>>;
  /** Connections that the server ended. */
  readonly ended: number;
}

const connections = 50;
/** Unanswered on one connection; beyond it the sender waits, as senders do. */
const outstandingAtMost = 40;
const batchMilliseconds = 10;
const lastAnswersSeconds = 20;

interface Sender {
  socket: Socket;
  outstanding: number;
}

function flood(url: URL, path: string, perSecond: number, seconds: number, from: string): Promise<FloodResult> {
  const answers: Record<string, number> = {};
  let [sent, ended] = [0, 0];
  const body = '{"cpu":99}';
  const request = () =>
    `PUT ${path} HTTP/1.1\r\nHost: ${url.host}\r\nAuthorization: Bearer bad.${from}.${sent++}\r\n` +
    `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

  function open(sender: Sender): void {
    const socket = connect({ host: url.hostname, port: Number(url.port), localAddress: from });
    sender.socket = socket;
    sender.outstanding = 0;
    let rest = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      const text = rest + chunk;
      let end = 0;
      for (const match of text.matchAll(/HTTP\/1\.1 (\d{3}) /g)) {
        answers[match[1]] = (answers[match[1]] ?? 0) + 1;
        sender.outstanding--;
        end = match.index + match[0].length;
      }
      // A status line may be cut in two.
      rest = text.slice(Math.max(end, text.length - 13));
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      if (sender.socket !== socket || isOver) return;
      ended++;
      open(sender);
    });
  }
  let isOver = false;
  const senders = Array.from({ length: connections }, () => {
    const sender = { outstanding: 0 } as Sender;
    open(sender);
    return sender;
  });

  const started = performance.now();
  const elapsed = () => (performance.now() - started) / 1000;
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const now = elapsed();
      if (now < seconds) {
        let due = Math.floor(now * perSecond) - sent;
        for (let share = Math.ceil(due / connections), index = 0; due > 0 && index < connections; index++) {
          const sender = senders[index];
          const count = Math.min(share, due, outstandingAtMost - sender.outstanding);
          if (count <= 0) continue;
          sender.socket.write(Array.from({ length: count }, request).join(''));
          sender.outstanding += count;
          due -= count;
          share = Math.max(share, 1);
        }
        return;
      }
      const unanswered = senders.reduce((sum, { outstanding }) => sum + outstanding, 0);
      if (unanswered > 0 && now < seconds + lastAnswersSeconds) return;
      isOver = true;
      clearInterval(timer);
      for (const { socket } of senders) socket.destroy();
      resolve({ sent, seconds: now, answers, ended });
    }, batchMilliseconds);
  });
}

const [url, path, perSecond, seconds, from] = process.argv.slice(2);
flood(new URL(url), path, Number(perSecond), Number(seconds), from).then((result) =>
  process.stdout.write(`${JSON.stringify(result)}\n`),
);
