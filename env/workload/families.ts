/**
 * Synthetic workloads. Every family draws its own shape from the seed: levels, periods, phases, heights and noise
 * differ from draw to draw, so that a policy trained on many draws has to read the traffic and cannot learn one curve.
 */

import { createDraw, type Draw, mixSeed } from '../random.ts';
import type { Trace } from './trace.ts';

const daySeconds = 86_400;

/** Load relative to the nominal level as a function of the second; made once per draw. */
type Shape = (draw: Draw, durationSeconds: number) => (second: number) => number;

const bump = (distance: number, width: number) => Math.exp(-0.5 * (distance / width) ** 2);
/** Distance of two moments of the day, seconds, at most half a day. */
const dayDistance = (second: number, centre: number) => {
  const distance = Math.abs((((second - centre) % daySeconds) + daySeconds) % daySeconds);
  return Math.min(distance, daySeconds - distance);
};

const diurnal: Shape = (draw) => {
  const mean = draw.scale(0.6, 1.5);
  const swing = draw.uniform(0.35, 0.85);
  const phase = draw.uniform(0, daySeconds);
  const second = draw.uniform(0, 0.25);
  const secondPhase = draw.uniform(0, daySeconds);
  const angle = (2 * Math.PI) / daySeconds;
  return (t) =>
    mean * Math.max(0.08, 1 + swing * Math.sin(angle * (t - phase)) + second * Math.sin(2 * angle * (t - secondPhase)));
};

const flashCrowd: Shape = (draw, duration) => {
  const base = diurnalBase(draw, 0.5, 1.1, 0, 0.4);
  const crowds = Array.from({ length: Math.max(1, Math.round((draw.uniform(1, 7) * duration) / daySeconds)) }, () => ({
    start: draw.uniform(0.02, 0.95) * duration,
    height: draw.scale(0.6, 3.5),
    riseSeconds: draw.scale(15, 900),
    holdSeconds: draw.scale(120, 3600),
    decaySeconds: draw.scale(200, 4000),
  }));
  return (t) => {
    let load = base(t);
    for (const crowd of crowds) {
      const since = t - crowd.start;
      if (since <= 0) continue;
      const after = since - crowd.riseSeconds - crowd.holdSeconds;
      load +=
        crowd.height * Math.min(1, since / crowd.riseSeconds) * (after > 0 ? Math.exp(-after / crowd.decaySeconds) : 1);
    }
    return load;
  };
};

/** A slow daily wave that other shapes ride on. */
function diurnalBase(draw: Draw, lowMean: number, highMean: number, lowSwing: number, highSwing: number) {
  const mean = draw.scale(lowMean, highMean);
  const swing = draw.uniform(lowSwing, highSwing);
  const phase = draw.uniform(0, daySeconds);
  return (t: number) => mean * (1 + swing * Math.sin((2 * Math.PI * (t - phase)) / daySeconds));
}

const ramp: Shape = (draw, duration) => {
  // Piecewise linear between levels: one long ramp up to a dozen shorter ones, some of them cliffs.
  const pieces = Math.max(1, Math.round(draw.scale(1, 12)));
  const levels = Array.from({ length: pieces + 1 }, () => draw.scale(0.15, 2.6));
  if (pieces === 1 && draw.chance(0.7)) levels.sort((a, b) => a - b);
  const cuts = Array.from({ length: pieces - 1 }, () => draw.uniform(0, duration)).sort((a, b) => a - b);
  const edges = [0, ...cuts, duration];
  const flatShare = draw.chance(0.5) ? draw.uniform(0, 0.6) : 0;
  return (t) => {
    let piece = 0;
    while (piece + 1 < pieces && t >= edges[piece + 1]) piece++;
    const share = (t - edges[piece]) / Math.max(1, edges[piece + 1] - edges[piece]);
    return levels[piece] + (levels[piece + 1] - levels[piece]) * Math.min(1, share / (1 - flatShare));
  };
};

const bursts: Shape = (draw, duration) => {
  const base = diurnalBase(draw, 0.3, 0.9, 0, 0.3);
  const height = draw.scale(0.5, 2.2);
  const regular = draw.chance(0.5);
  const period = draw.scale(600, 10_800);
  const dutyShare = draw.uniform(0.15, 0.6);
  const jitter = regular ? draw.uniform(0, 0.05) : draw.uniform(0.3, 1);
  const edgeSeconds = draw.chance(0.5) ? 0 : draw.uniform(5, 120);
  const starts: { start: number; end: number; height: number }[] = [];
  for (let t = draw.uniform(0, period); t < duration; ) {
    const on = period * dutyShare * (1 + jitter * draw.uniform(-0.7, 0.7));
    starts.push({ start: t, end: t + on, height: height * (1 + 0.5 * jitter * draw.uniform(-1, 1)) });
    t += on + period * (1 - dutyShare) * (1 + jitter * draw.uniform(-0.8, 1.2));
  }
  let index = 0;
  return (t) => {
    if (index > 0 && t < starts[index - 1]?.end) index = 0;
    while (index < starts.length && t >= starts[index].end + edgeSeconds) index++;
    const burst = starts[index];
    if (burst === undefined || t < burst.start) return base(t);
    const rise = edgeSeconds === 0 ? 1 : Math.min(1, (t - burst.start) / edgeSeconds);
    const fall = edgeSeconds === 0 ? 1 : Math.min(1, Math.max(0, (burst.end + edgeSeconds - t) / edgeSeconds));
    return base(t) + burst.height * Math.min(rise, fall);
  };
};

const doublePeak: Shape = (draw) => {
  const floor = draw.uniform(0.2, 0.8);
  const peaks = [draw.uniform(7, 12), draw.uniform(14, 22)].map((hour) => ({
    centre: hour * 3600,
    height: draw.scale(0.5, 2.4),
    width: draw.scale(1800, 9000),
  }));
  const shift = draw.chance(0.5) ? 0 : draw.uniform(0, daySeconds);
  return (t) =>
    peaks.reduce((load, peak) => load + peak.height * bump(dayDistance(t - shift, peak.centre), peak.width), floor);
};

const drift: Shape = (draw, duration) => {
  // A slow random walk (Ornstein–Uhlenbeck in the logarithm) on top of a trend.
  const stepSeconds = 60;
  const steps = Math.ceil(duration / stepSeconds) + 2;
  const relaxation = draw.scale(1800, 40_000);
  const spread = draw.uniform(0.1, 0.45);
  const mean = Math.log(draw.scale(0.6, 1.5));
  const trend = draw.uniform(-0.8, 0.8) / duration;
  const walk = new Float64Array(steps);
  const pull = Math.exp(-stepSeconds / relaxation);
  walk[0] = spread * draw.normal();
  for (let i = 1; i < steps; i++) walk[i] = pull * walk[i - 1] + spread * Math.sqrt(1 - pull * pull) * draw.normal();
  return (t) => {
    const at = Math.floor(t / stepSeconds);
    const share = t / stepSeconds - at;
    return Math.exp(mean + trend * (t - duration / 2) + walk[at] * (1 - share) + walk[at + 1] * share);
  };
};

const step: Shape = (draw, duration) => {
  const count = Math.max(1, Math.round(draw.scale(1, 16)));
  const cuts = Array.from({ length: count }, () => draw.uniform(0, duration)).sort((a, b) => a - b);
  const levels = Array.from({ length: count + 1 }, () => draw.scale(0.2, 2.6));
  return (t) => levels[cuts.filter((cut) => cut <= t).length];
};

const constant: Shape = (draw) => {
  const level = draw.scale(0.15, 3);
  return () => level;
};

const sin: Shape = (draw, duration) => {
  // The measured project's signal: 14 periods between 150 and 4,000 requests/s, here with drawn bounds.
  const periods = Math.round(draw.scale(4, 28)) * Math.max(1, duration / daySeconds);
  const low = draw.uniform(0.1, 0.6);
  const high = low + draw.scale(0.6, 2.6);
  const phase = draw.uniform(0, 2 * Math.PI);
  return (t) => low + ((high - low) * (1 + Math.sin(phase + (2 * Math.PI * periods * t) / duration))) / 2;
};

const sinSpikes: Shape = (draw, duration) => {
  const wave = sin(draw, duration);
  const spikeSeconds = 120;
  const spikes = new Map<number, number>();
  for (let i = 0; i * spikeSeconds < duration; i++) if (draw.chance(0.02)) spikes.set(i, draw.uniform(0.2, 1.2));
  return (t) => wave(t) + (spikes.get(Math.floor(t / spikeSeconds)) ?? 0);
};

const shapes = {
  constant,
  step,
  ramp,
  sin,
  'sin-spikes': sinSpikes,
  diurnal,
  'double-peak': doublePeak,
  'flash-crowd': flashCrowd,
  bursts,
  drift,
} as const satisfies Record<string, Shape>;

export type WorkloadFamily = keyof typeof shapes;
export const workloadFamilies = Object.keys(shapes) as WorkloadFamily[];
/** The six families that quality is judged on. */
export const evaluationFamilies: readonly WorkloadFamily[] = [
  'diurnal',
  'flash-crowd',
  'ramp',
  'bursts',
  'double-peak',
  'drift',
];

export interface WorkloadOptions {
  family: WorkloadFamily;
  seed: number;
  /** Load that level 1 stands for, requests/s. */
  nominalLoad: number;
  durationSeconds?: number;
}

/** Draws one trace. The same options give the same trace. */
export function generateTrace({ family, seed, nominalLoad, durationSeconds = daySeconds }: WorkloadOptions): Trace {
  const draw = createDraw(mixSeed(seed, workloadFamilies.indexOf(family)));
  const shape = shapes[family](draw, durationSeconds);
  const rowSeconds = [5, 10, 15, 30, 60][Math.floor(draw.uniform(0, 5))];
  const noise = draw.chance(0.3) ? 0 : draw.scale(0.005, 0.06);
  // Noise with memory: neighbouring minutes are alike, as sums of many users' sessions are.
  const memory = Math.exp(-rowSeconds / draw.scale(5, 240));
  let wobble = 0;
  const seconds: number[] = [];
  const rps: number[] = [];
  for (let second = 0; second <= durationSeconds; second += rowSeconds) {
    wobble = memory * wobble + noise * Math.sqrt(1 - memory * memory) * draw.normal();
    seconds.push(second);
    rps.push(Math.max(0, nominalLoad * shape(second) * (1 + wobble)));
  }
  return { name: `${family}-${seed}`, seconds, rps };
}
