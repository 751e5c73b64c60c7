const PATIENCE_MS = 60_000;
const LOOK_MS = 20;

/** Waits for what announces itself nowhere. */
export async function until(
  what: string,
  condition: () => Promise<boolean> | boolean,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`Did not happen within ${patienceMs / 1000} s: ${what}`);
    await new Promise((tick) => setTimeout(tick, LOOK_MS));
  }
}
