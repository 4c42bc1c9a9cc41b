/** An error that the user can mend: says what is wrong, where, and what to do. The command exits with code 2. */
export class UserError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'UserError';
    this.code = code;
  }
}
