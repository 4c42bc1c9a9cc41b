/** What cells may call, in words that the kernel's TypeScript 5.0 understands; tests hold it against cli/notebook. */

/** A result as its verb wrote it: JSON, and arrays of numbers in place of series. */
// biome-ignore lint/suspicious/noExplicitAny: cells look into it, and its types are too new for the kernel.
type Result = any;
/** SVG text, for `display.svg`. */
type Picture = string;

export interface Duoloop {
  /** Runs a verb in this folder, as a terminal would, and resolves to what it printed. Throws with what it complained about. */
  run(...words: string[]): Promise<string>;

  /** Of `duoloop inspect --json`. */
  readInspection(file: string): Promise<Result>;
  /** Of a checkpoint's folder: how its training went. */
  readTraining(checkpoint: string): Promise<Result>;
  /** Of `duoloop compare --json --series`. */
  readComparison(place: { rows: string; series?: string }): Promise<Result>;
  /** Of `duoloop calibrate --json`. */
  readCalibration(file: string): Promise<Result>;

  pictures: {
    /** What a policy does over load and group size. */
    decisionMap(inspection: Result): Picture;
    /** Which observations matter to a policy. */
    importance(inspection: Result): Picture;
    /** How training went: of an inspection, or of `readTraining`. */
    training(record: Result): Picture;
    /** Replicas against time above the SLA, a point per policy. */
    cost(comparison: Result): Picture;
    /** Load, replicas and p95 of every policy on a trace. */
    trace(comparison: Result, name: string): Picture;
    /** Measured and fitted p95, CPU and memory of one replica count. */
    curve(calibration: Result, replicas: number): Picture;
    /** Measured and modelled p95 at the entry of several services. */
    entry(calibration: Result): Picture;
    /** How long pods took to become ready. */
    startUp(calibration: Result): Picture;
    /** The trace that was extracted from a history. */
    load(calibration: Result): Picture;
  };

  texts: {
    /** What `duoloop inspect` prints. */
    inspection(inspection: Result): string;
    /** What `duoloop calibrate` prints. */
    calibration(calibration: Result): string;
    /** Policies by their means over the traces, as `duoloop compare` prints them. */
    summary(comparison: Result): string;
    /** Every policy on every trace. */
    details(comparison: Result): string;
    /** The checkpoint against the strongest baselines, in a sentence. */
    headline(comparison: Result): string;
  };
}

export function openDuoloop(): Promise<Duoloop>;
