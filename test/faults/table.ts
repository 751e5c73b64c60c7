import type { Row } from './scenario';

const COLUMNS: readonly (readonly [title: string, width: number, of: (row: Row) => string | number])[] = [
  ['fault', 24, ({ fault }) => fault],
  ['level', 12, ({ level }) => level],
  ['acknowledged', 12, ({ acknowledged }) => acknowledged],
  ['stored', 7, ({ stored }) => stored],
  ['duplicated', 10, ({ duplicated }) => duplicated],
  ['lost', 6, ({ lost }) => lost],
  ['gaps', 5, ({ gaps }) => gaps],
  ['declared', 8, ({ declared }) => declared],
  ['unknown', 7, ({ unknown }) => unknown],
  ['quarantined', 11, ({ quarantined }) => quarantined],
  ['503', 6, ({ rejected }) => rejected],
  ['s', 4, ({ seconds }) => seconds],
];

function cell(value: string | number, width: number): string {
  const text = typeof value === 'number' ? value.toLocaleString('en-US') : value;
  return typeof value === 'number' ? text.padStart(width) : text.padEnd(width);
}

export function tableHead(): string {
  return COLUMNS.map(([title, width], index) =>
    index < 2 ? title.padEnd(width) : title.padStart(width),
  ).join('  ');
}

/** A row, and under it what was noted, and what was broken. */
export function tableRow(row: Row): string {
  const line = COLUMNS.map(([, width, of]) => cell(of(row), width)).join('  ');
  const more = [
    ...row.notes.map((note) => `    ${note}`),
    ...row.broken.map((what) => `    BROKEN: ${what}`),
  ];
  return [`${line}  ${row.broken.length === 0 ? 'kept' : 'BROKEN'}`, ...more].join('\n');
}
