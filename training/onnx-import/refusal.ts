/** Why a part of an ONNX file cannot be used. Whoever knows which file and which node makes a UserError of it. */
export class Refusal extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'Refusal';
  }
}
