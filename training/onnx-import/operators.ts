/** The ONNX operators that an actor may be made of (https://onnx.ai/onnx/operators), by name. */
import { choiceOperators } from './choice-operators.ts';
import { layerOperators } from './layer-operators.ts';
import type { Operators } from './operation.ts';
import { shapeOperators } from './shape-operators.ts';

export const operators: Operators = { ...shapeOperators, ...layerOperators, ...choiceOperators };
