import { randomBytes } from 'node:crypto';

const random = (bytes: number): string => randomBytes(bytes).toString('base64');

/** What one event may carry: each stands for a way in which memory could be estimated too low. */
export const PAYLOADS = {
  'small events': () => null,
  'JSON of 1 KB': () => ({
    customer: { name: random(6), email: `${random(6)}@example.org` },
    lines: Array.from({ length: 10 }, (_, i) => ({
      sku: random(6),
      title: random(12),
      count: i,
      price: 9.95,
    })),
  }),
  'long strings of two bytes a character': () => ({ text: `${random(12)}\u044f`.repeat(400) }),
  'strings cut from far longer ones': () => ({ text: random(600_000) }),
  'slices of far longer strings': () => ({ text: random(60_000).slice(10, 60) }),
  'many small values': () => Array.from({ length: 1_500 }, (_, i) => (i % 3 === 0 ? [i] : i + 0.5)),
  'keys that never come again': () =>
    Object.fromEntries(Array.from({ length: 40 }, () => [random(9), { [random(9)]: 1 }])),
} as const satisfies Readonly<Record<string, () => unknown>>;

export type PayloadName = keyof typeof PAYLOADS;
