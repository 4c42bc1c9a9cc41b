/** The document around a live page: its looks, and the script that keeps it up to date. Nothing is fetched but its own updates. */
import { escapeHtml, renderPage } from '../../env/report/page.ts';
import { printable } from '../../env/report/printable.ts';
import { keyOfPath } from './page-path.ts';

const style = `
main{max-width:1240px}
header{display:flex;flex-wrap:wrap;gap:4px 20px;align-items:baseline;justify-content:space-between}header h1{font-size:22px}
#connection{margin:0;font-size:14px;color:var(--muted)}#connection.lost{color:var(--violation);font-weight:600}
h1,h2{overflow-wrap:anywhere}h2{margin:26px 0 6px;font-size:18px}h2 a{text-decoration:none}h2 a:hover{text-decoration:underline}
a:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.badge{display:inline-block;font-size:12px;line-height:1.5;padding:0 7px;border-radius:9px;border:1px solid var(--rule);background:var(--raised);white-space:nowrap}
.badge.trouble{border-color:var(--violation);color:var(--violation);font-weight:600}.badge.limited,.badge.paused{border-color:var(--policy-4)}.badge.mode{border-color:var(--accent)}
.above{color:var(--violation)}.pending{border-bottom:2px dotted var(--policy-4)}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.wrong{border-left:4px solid var(--violation);padding:6px 12px;background:var(--raised);max-width:none;overflow-wrap:anywhere}
.notes,.proposals{margin:6px 0 10px;padding-left:20px;font-size:14px;overflow-wrap:anywhere}.proposals{list-style:none;padding:0}.proposals li{margin:4px 0}
.card{border:1px solid var(--rule);border-radius:8px;padding:2px 16px 8px;margin:14px 0}.card h1,.card h2{margin:12px 0 4px}
.decision{font-size:17px;margin:4px 0 8px;max-width:none;overflow-wrap:anywhere}.facts{font-size:14px;color:var(--muted)}.facts .badge{color:var(--ink)}.facts .badge.trouble{color:var(--violation)}
.charts{display:grid;align-items:end;grid-template-columns:repeat(auto-fill,minmax(min(100%,300px),1fr));gap:4px 18px}.charts figure{margin:4px 0;min-width:0;max-width:480px}.charts svg{min-width:0}
.charts figcaption{display:flex;flex-wrap:wrap;justify-content:space-between;gap:0 12px;color:var(--ink);font-size:14px}
.keys{color:var(--muted);font-size:13px}.key{margin-left:10px;white-space:nowrap}.key .line{width:18px;margin-right:5px}
.overview .wrap{min-width:200px;max-width:360px}.overview th.text{white-space:normal;overflow-wrap:break-word;min-width:110px;max-width:260px}
.details{display:flex;flex-wrap:wrap;gap:0 36px;align-items:start}.details .proposals,.details .note{flex:1 1 320px}.details .scroll{margin:4px 0 8px;max-width:100%}
@media (max-width:700px){.wide{display:none}.overview{width:100%}.overview .wrap{min-width:110px}.overview th.text{min-width:80px;max-width:130px}.card{padding:2px 10px 6px}.decision{font-size:16px}th,td{padding:5px 6px}.wrap{min-width:90px}}
@media (max-width:480px){.medium{display:none}caption{min-width:0}}
`;

/**
 * Applies updates without taking the focus away, opens the stream again by itself (EventSource does), and turns times into
 * ages by the server's clock.
 */
const script = `
(() => {
  const live = document.getElementById('live');
  const connection = document.getElementById('connection');
  let clockOffset = 0;
  let lastUpdate = Number(live.dataset.second) * 1000;
  const age = (milliseconds) => {
    const seconds = Math.max(0, Math.round(milliseconds / 1000));
    if (seconds < 120) return seconds + ' s ago';
    if (seconds < 7200) return Math.floor(seconds / 60) + ' min ago';
    if (seconds < 172800) return Math.floor(seconds / 3600) + ' h ago';
    return Math.floor(seconds / 86400) + ' d ago';
  };
  const serverNow = () => Date.now() + clockOffset;
  const tellAges = () => {
    for (const time of document.querySelectorAll('time[data-since]')) {
      const text = age(serverNow() - Number(time.dataset.since) * 1000);
      if (time.textContent !== text) time.textContent = text;
    }
  };
  const say = (text, isLost) => {
    if (connection.textContent !== text) connection.textContent = text;
    connection.classList.toggle('lost', isLost);
  };
  const apply = ({ html, parts }) => {
    const focused = document.activeElement?.id;
    const link = document.activeElement?.getAttribute?.('href');
    if (html !== undefined) live.innerHTML = html;
    for (const [id, inner] of Object.entries(parts ?? {})) {
      const element = document.getElementById(id);
      if (element !== null) element.innerHTML = inner;
    }
    if (document.activeElement !== document.body) return;
    const again = focused ? document.getElementById(focused) : link ? live.querySelector('a[href="' + CSS.escape(link) + '"]') : null;
    again?.focus({ preventScroll: true });
  };
  const stream = new EventSource('/events?path=' + encodeURIComponent(location.pathname));
  stream.onmessage = (message) => {
    const { second, ...update } = JSON.parse(message.data);
    clockOffset = second * 1000 - Date.now();
    lastUpdate = second * 1000;
    apply(update);
    say('live', false);
    tellAges();
  };
  stream.onerror = () => say('duoloop watch does not answer; the page is as of ' + age(serverNow() - lastUpdate), true);
  setInterval(() => {
    tellAges();
    if (stream.readyState !== EventSource.OPEN) stream.onerror();
  }, 1000);
  tellAges();
})();
`;

export interface ShellInput {
  readonly path: string;
  /** Inside the part that is kept up to date. */
  readonly html: string;
  /** Unix seconds of what it shows. */
  readonly second: number;
}

export function pageShell({ path, html, second }: ShellInput): string {
  const key = keyOfPath(path);
  const heading =
    key === undefined ? '<h1>Duoloop watch</h1>' : '<nav aria-label="Up"><a href="/">All closed loops</a></nav>';
  return renderPage({
    title: key === undefined ? 'Duoloop watch' : `${printable(key)} · Duoloop watch`,
    body: `<header>${heading}<p id="connection" role="status">connecting</p></header>
<noscript><p class="wrong">Without scripts this page does not change by itself: load it again.</p></noscript>
<div id="live" data-second="${escapeHtml(String(second))}">${html}</div>`,
    style,
    script,
  });
}
