const LARGEST = 2_147_483_647;
const DECIMAL = /^(?:0|[1-9]\d{0,9})$/;

/** An object's id for a field that is typed integer; null when the id is none of at most 2147483647. */
export function integerId(id: string): number | null {
  return DECIMAL.test(id) && Number(id) <= LARGEST ? Number(id) : null;
}
