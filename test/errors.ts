/** Checks on what a call throws. */

/** The error that `call` throws; fails where it throws none. */
function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error("the call should have thrown");
}

function checkError(error: unknown, code: string, message: RegExp): void {
  const { code: gotCode, message: gotMessage } = error as { code?: string; message: string };
  expect(gotMessage).toMatch(message);
  expect(gotCode).toBe(code);
}

/** Expects an error with this `code` whose message matches. */
export function expectError(call: () => unknown, code: string, message: RegExp): void {
  checkError(thrownBy(call), code, message);
}

/** Expects a rejection with this `code` whose message matches. */
export async function expectRejection(promise: Promise<unknown>, code: string, message: RegExp): Promise<void> {
  const error = await promise.then(
    () => new Error("the promise should have been rejected"),
    (reason: unknown) => reason,
  );
  checkError(error, code, message);
}

/** Expects `call` to throw, or the promise that it returns to reject, with an error with this `code`. */
export async function expectCode(call: () => unknown, code: string): Promise<void> {
  await expect((async () => await call())()).rejects.toMatchObject({ code });
}
