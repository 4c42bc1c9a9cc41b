/** Who calls whom how often: as told, or as far as request rates tell. */
import type { QueueingServing } from '../apps/app-model.ts';
import { UserError } from '../errors.ts';

export interface KnownCall {
  readonly from: string;
  readonly to: string;
  /** Visits of `to` per visit of `from`; undefined: to be told from request rates. */
  readonly perVisit: number | undefined;
}

export interface CallGraph {
  /** In an order in which calls go forward; the entry is first. */
  readonly services: readonly string[];
  /** Indices into `services`. */
  readonly calls: QueueingServing['calls'];
  readonly origin: 'told' | 'star';
  readonly warnings: readonly string[];
}

/** Parses `from:to` and `from:to:perVisit`. @throws UserError CALLS_INVALID */
export function parseCalls(texts: readonly string[]): KnownCall[] {
  return texts.map((text) => {
    const [from, to, share, ...rest] = text.split(':');
    const perVisit = share === undefined ? undefined : Number(share);
    if (!from || !to || rest.length > 0 || (perVisit !== undefined && !(perVisit > 0 && Number.isFinite(perVisit)))) {
      throw new UserError(
        'CALLS_INVALID',
        `--calls "${text}" is not caller:called or caller:called:visits; write it like frontend:cart:0.9`,
      );
    }
    return { from, to, perVisit };
  });
}

/**
 * @param visits of each service per request at the entry, by name; the entry is the first
 * @param known empty: every service is taken to be called by the entry
 * @throws UserError CALLS_INVALID
 */
export function buildCallGraph(visits: ReadonlyMap<string, number>, known: readonly KnownCall[]): CallGraph {
  const names = [...visits.keys()];
  if (known.length === 0) {
    const calls = names.slice(1).map((name, i) => ({ from: 0, to: i + 1, perVisit: rounded(visits.get(name) ?? 0) }));
    const warning = `who calls whom is not known: every service is taken to be called by ${names[0]}, which gives CPU and load as measured, but not whose calls wait for whom; name calls with --calls`;
    return { services: names, calls, origin: 'star', warnings: names.length > 2 ? [warning] : [] };
  }
  const services = inCallOrder(names, known);
  const calls = known.map(({ from, to, perVisit }) => ({
    from: services.indexOf(from),
    to: services.indexOf(to),
    perVisit: rounded(perVisit ?? fromRates(visits, known, { from, to })),
  }));
  return { services, calls, origin: 'told', warnings: disagreements(visits, known, calls, services) };
}

const rounded = (value: number) => Number(value.toPrecision(5));

/** What of the rate of `to` its other callers, told of, do not account for. */
function fromRates(
  visits: ReadonlyMap<string, number>,
  known: readonly KnownCall[],
  call: { from: string; to: string },
): number {
  const others = known.filter(({ from, to }) => to === call.to && from !== call.from);
  if (others.some(({ perVisit }) => perVisit === undefined)) {
    throw new UserError(
      'CALLS_INVALID',
      `--calls: ${call.to} is called by ${[call.from, ...others.map(({ from }) => from)].join(' and ')}; request rates tell only what remains, so give the visits for all but one of them, such as ${others[0].from}:${call.to}:1`,
    );
  }
  const told = others.reduce((sum, { from, perVisit }) => sum + (visits.get(from) ?? 0) * (perVisit ?? 0), 0);
  const perVisit = ((visits.get(call.to) ?? 0) - told) / (visits.get(call.from) ?? 0);
  if (perVisit > 0 && Number.isFinite(perVisit)) return perVisit;
  throw new UserError(
    'CALLS_INVALID',
    `--calls ${call.from}:${call.to}: nothing is left of the requests at ${call.to} (${rounded(visits.get(call.to) ?? 0)} per request at the entry); check the other visits given`,
  );
}

/** The entry first, then every service after all of its callers, else in the order given. */
function inCallOrder(names: readonly string[], known: readonly KnownCall[]): string[] {
  for (const { from, to } of known) {
    const stranger = [from, to].find((name) => !names.includes(name));
    if (stranger !== undefined) {
      throw new UserError(
        'CALLS_INVALID',
        `--calls ${from}:${to}: no service ${stranger}; there are ${names.join(', ')}`,
      );
    }
    if (known.filter((call) => call.from === from && call.to === to).length > 1) {
      throw new UserError('CALLS_INVALID', `--calls ${from}:${to} is given twice`);
    }
  }
  const uncalled = names.slice(1).find((name) => known.every(({ to }) => to !== name));
  if (uncalled !== undefined) {
    throw new UserError(
      'CALLS_INVALID',
      `--calls: nobody calls ${uncalled}; say who does, or leave it out of --service`,
    );
  }
  const ordered: string[] = [];
  while (ordered.length < names.length) {
    const next = names.find(
      (name) => !ordered.includes(name) && known.every(({ from, to }) => to !== name || ordered.includes(from)),
    );
    if (next === undefined || (ordered.length === 0 && next !== names[0])) {
      const rest = names.filter((name) => !ordered.includes(name));
      throw new UserError(
        'CALLS_INVALID',
        `--calls go in a circle among ${rest.join(', ')}; an app model has none, and its entry is called by nobody`,
      );
    }
    ordered.push(next);
  }
  return ordered;
}

/** Services that the calls told would visit otherwise than was seen. */
function disagreements(
  visits: ReadonlyMap<string, number>,
  known: readonly KnownCall[],
  calls: QueueingServing['calls'],
  services: readonly string[],
): string[] {
  return services.flatMap((name, to) => {
    if (to === 0 || known.some((call) => call.to === name && call.perVisit === undefined)) return [];
    const told = calls
      .filter((call) => call.to === to)
      .reduce((sum, call) => sum + call.perVisit * (visits.get(services[call.from]) ?? 0), 0);
    const seen = visits.get(name) ?? 0;
    if (Math.abs(told / seen - 1) <= 0.1) return [];
    return [`${name}: by --calls ${rounded(told)} visits per request, by request rates ${rounded(seen)}`];
  });
}
