/** Adam (Kingma & Ba 2015, algorithm 1) over one flat parameter vector, with clipping of the gradient's global norm. */
export interface Adam {
  step: number;
  readonly firstMoment: Float32Array;
  readonly secondMoment: Float32Array;
}

const beta1 = 0.9;
const beta2 = 0.999;
const epsilon = 1e-5; // as in the PPO reference implementation; 1e-8 makes early steps jump

export function createAdam(parameterCount: number): Adam {
  return { step: 0, firstMoment: new Float32Array(parameterCount), secondMoment: new Float32Array(parameterCount) };
}

/** Scales `gradient` in place so that its Euclidean norm is at most `maxNorm`. Returns the norm before. */
export function clipGradientNorm(gradient: Float32Array, maxNorm: number): number {
  let squares = 0;
  for (const value of gradient) squares += value * value;
  const norm = Math.sqrt(squares);
  if (norm > maxNorm) {
    const scale = maxNorm / norm;
    for (let i = 0; i < gradient.length; i++) gradient[i] *= scale;
  }
  return norm;
}

/** Moves `parameters` against `gradient`, in place. */
export function adamStep(adam: Adam, parameters: Float32Array, gradient: Float32Array, learningRate: number): void {
  adam.step++;
  const correction1 = 1 - beta1 ** adam.step;
  const correction2 = 1 - beta2 ** adam.step;
  const { firstMoment, secondMoment } = adam;
  for (let i = 0; i < parameters.length; i++) {
    const g = gradient[i];
    firstMoment[i] = beta1 * firstMoment[i] + (1 - beta1) * g;
    secondMoment[i] = beta2 * secondMoment[i] + (1 - beta2) * g * g;
    parameters[i] -=
      (learningRate * (firstMoment[i] / correction1)) / (Math.sqrt(secondMoment[i] / correction2) + epsilon);
  }
}
