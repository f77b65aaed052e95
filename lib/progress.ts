/** What everything that may take long accepts. */

/** How far a call has come; `total` may be an estimate. */
export interface Progress {
  done: number;
  total: number;
  /** What is being done, as a bar is labelled: "quantizing", "saving". */
  what: string;
}

export interface LongCall {
  /** Aborts the call soon; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
  /** Native threads; default: `PARE_THREADS`, else the processors that this process may use. */
  threads?: number;
}
