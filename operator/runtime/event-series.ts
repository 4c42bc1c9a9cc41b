/** Which events are the same one again, and when a repeated one is worth a write. Pure but for the memory it keeps. */
import { LRUCache } from 'lru-cache';

export interface Occurrence {
  /** Of the object that it is about; uid, or the name where there is none. */
  readonly regarding: string;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly note: string;
}

export interface Series {
  /** The text that its event carries: the first one's, since the API server lets nobody change it. */
  readonly note: string;
  count: number;
  lastSecond: number;
  /** When it was last decided to write it. */
  writtenSecond: number;
  /** Set once the event is there. */
  eventName: string | undefined;
}

export interface SeriesOptions {
  /** An event that comes back within this time belongs to the series. */
  readonly windowSeconds?: number;
  /** A series that goes on is written at its second occurrence and then no more often than this. */
  readonly writeSeconds?: number;
  /** Different notes on one object with one reason within the window, beyond which they become one series. */
  readonly maxNotes?: number;
}

export interface EventSeries {
  /** The series of an event that happens now, and whether it is to be written. */
  note(occurrence: Occurrence, second: number): { readonly series: Series; readonly isDue: boolean };
}

/** Series remembered at most: a bound for the memory of an operator with very many objects in trouble. */
const maxSeries = 4_096;

/** After client-go: its series are kept for 6 minutes, and similar events combined from the tenth in 10 minutes on. */
export function createEventSeries(options: SeriesOptions = {}): EventSeries {
  const { windowSeconds = 600, writeSeconds = 300, maxNotes = 10 } = options;
  const byNote = new LRUCache<string, Series>({ max: maxSeries });
  const notes = new LRUCache<string, { count: number; sinceSecond: number }>({ max: maxSeries });

  const isCombined = (similar: string, second: number, isNewNote: boolean): boolean => {
    let seen = notes.get(similar);
    if (seen === undefined || second - seen.sinceSecond > windowSeconds) {
      seen = { count: 0, sinceSecond: second };
      notes.set(similar, seen);
    }
    if (isNewNote) seen.count += 1;
    return isNewNote && seen.count > maxNotes;
  };

  return {
    note({ regarding, type, reason, note }, second) {
      const similar = JSON.stringify([regarding, type, reason]);
      let key = JSON.stringify([similar, note]);
      const isRunning = (series: Series | undefined): series is Series =>
        series !== undefined && second - series.lastSecond <= windowSeconds;
      let text = note;
      if (isCombined(similar, second, !isRunning(byNote.get(key)))) {
        key = similar;
        text = `(similar events combined) ${note}`;
      }
      const found = byNote.get(key);
      if (!isRunning(found)) {
        const series = { note: text, count: 1, lastSecond: second, writtenSecond: second, eventName: undefined };
        byNote.set(key, series);
        return { series, isDue: true };
      }
      found.count += 1;
      found.lastSecond = second;
      const isDue = found.count === 2 || second - found.writtenSecond >= writeSeconds;
      if (isDue) found.writtenSecond = second;
      return { series: found, isDue };
    },
  };
}
