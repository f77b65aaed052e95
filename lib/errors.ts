/** The errors that pare throws: what was given, where, and what would fit. */

export type ErrorCode =
  | "PARE_SHAPE"
  | "PARE_TYPE"
  | "PARE_OPTION"
  | "PARE_FILE"
  | "PARE_MODEL"
  | "PARE_UNSUPPORTED"
  | "PARE_MEMORY"
  | "PARE_ABORTED"
  | "PARE_NAN"
  | "PARE_ADDON";

/** An Error with a `code`; native code throws plain Errors with the same codes. */
export class PareError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "PareError";
    this.code = code;
  }
}
