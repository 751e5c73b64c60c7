const DEFAULT_COLLECTION = 'auditevents';

/** Names of one audit's collections. */
export interface CollectionNames {
  readonly events: string;
  readonly counters: string;
  readonly quarantine: string;
  readonly contentTypes: string;
}

/** The default name gives `auditcounters` and so on; any other is a prefix: `x_counters`. */
export function collectionNames(events: string): CollectionNames {
  const prefix = events === DEFAULT_COLLECTION ? 'audit' : `${events}_`;
  return {
    events,
    counters: `${prefix}counters`,
    quarantine: `${prefix}quarantine`,
    contentTypes: `${prefix}contenttypes`,
  };
}
