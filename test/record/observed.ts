import type { ObservedChange } from '../../lib/observed-change';

/** A change as what watches a database observes it. */
export function observed(change: Partial<ObservedChange> = {}): ObservedChange {
  return {
    action: 'update',
    object: { type: 'items', id: '7' },
    before: { price: 1 },
    after: { price: 2 },
    exact: false,
    partial: false,
    masked: [],
    maxBytes: 256 * 1_024,
    ...change,
  };
}
