/** Random group scaling, the coordinated scaler's original policy: every 60 s a random size for the whole group at once. */
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { Policy } from './policy.ts';
import { memberReplicas } from './reactive/targets.ts';

/** ACTION_INTERVAL of the coordinated scaler. */
const actionIntervalSeconds = 60;
// Spreads neighbouring lanes over the seeds (2³² over the golden ratio).
const laneStride = 0x9e3779b1;

export const randomGroup: Policy = {
  name: 'random-group',
  description: 'A uniformly random group size every 60 s, all members at once',
  createController({ app, lanes, tickSeconds, seed }) {
    const { services, minGroupSize, maxGroupSize } = app;
    const generatorOf = (lane: number) => xoroshiro128plus((seed + Math.imul(lane, laneStride)) | 0);
    const generators = Array.from({ length: lanes }, (_, lane) => generatorOf(lane));
    return {
      intervalSeconds: Math.ceil(actionIntervalSeconds / tickSeconds) * tickSeconds,
      /** An episode starts its lane's sequence anew: what a lane does depends on seed and lane alone. */
      resetLane(lane) {
        generators[lane] = generatorOf(lane);
      },
      decide(_metrics, actions) {
        for (let lane = 0; lane < lanes; lane++) {
          const size = uniformInt(generators[lane], minGroupSize, maxGroupSize);
          for (let service = 0; service < services.length; service++) {
            const { ratio, minReplicas, maxReplicas } = services[service];
            actions.replicas[service * lanes + lane] = memberReplicas(ratio, size, minReplicas, maxReplicas);
          }
        }
      },
    };
  },
};
