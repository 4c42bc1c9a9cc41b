/** Where the files of a checkpoint come from. */

/** A checkpoint is some hundred kilobytes; what is larger than this is something else. */
export const maxCheckpointBytes = 16 * 1024 * 1024;

export const checkpointFileNames = ['checkpoint.json', 'weights.bin'] as const;
export type CheckpointFileName = (typeof checkpointFileNames)[number];

/** The files as they are at one moment. */
export interface CheckpointFiles {
  /** For people: `ConfigMap shop/policy`, a folder, an address. */
  readonly origin: string;
  /** Stays the same as long as the content does: a resourceVersion, modification times, a hash. */
  readonly version: string;
  /** Undefined when there is no such file. @throws UserError */
  read(name: CheckpointFileName): Promise<Uint8Array | undefined>;
}
