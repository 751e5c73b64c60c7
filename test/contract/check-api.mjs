import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CONFIG = fileURLToPath(new URL('schemathesis.toml', import.meta.url));
const CLI = 'from schemathesis.cli import schemathesis; schemathesis()';
/** Remarks of schemathesis that mean that something was not tested. */
const GRAVE = [
  'missing_auth',
  'unused_openapi_auth',
  'base_url_mismatch',
  'missing_deserializer',
  'unsupported_regex',
  'unresolvable_reference',
  'unmatched_filter',
  'method_not_allowed',
];

/** Fetches an API's document and judges it by the specification of OpenAPI 3.1. */
export async function lint(python, { url, path, dialect }, directory) {
  const response = await fetch(`${url}${path}/openapi.json`);
  if (response.status !== 200) throw new Error(`${path}/openapi.json answered ${response.status}`);
  const document = await response.json();
  if (document.info?.title !== dialect) throw new Error(`the document is of ${document.info?.title}`);
  const file = join(directory, `${dialect}.json`);
  await writeFile(file, JSON.stringify(document));
  await python(['-m', 'openapi_spec_validator', '--schema', '3.1', file], directory);
  return `${Object.keys(document.paths).length} paths`;
}

/** What schemathesis says of one API; whether it is clean is in the report. */
export async function ask(python, { url, path, scheme, dialect, token, seed }, directory) {
  const file = join(directory, `${dialect}-report.json`);
  const report = ['--report', 'json', '--report-json-path', file];
  const credential = ['--header', `Authorization: ${scheme} ${token}`];
  const location = `${url}${path}/openapi.json`;
  const args = ['--config-file', CONFIG, 'run', '--checks', 'all', '--seed', String(seed)];
  let output = '';
  // in that directory: what it remembers is left where the run is, and would be in the next one
  try {
    output = await python(['-c', CLI, ...args, ...credential, ...report, location], directory);
  } catch (error) {
    output = error.message.replaceAll(token, '<AUDIT_TOKEN>');
  }
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === null) throw new Error(output);
  return { ...JSON.parse(text), output };
}

/** All was tested, with answers that hold rows: a run that is refused everywhere would be clean, too. */
export function checkReach({ complete, errors, operations, warnings, valid_rates: rates, output }) {
  const grave = GRAVE.filter((name) => warnings[name]?.length > 0);
  if (grave.length > 0) throw new Error(`${grave.join(', ')}\n${output}`);
  if (!complete || errors.length > 0 || operations.tested !== operations.total)
    throw new Error(`not all was tested\n${output}`);
  const accepted = Object.entries(rates).map(([name, phases]) => [
    name,
    Object.values(phases).reduce((sum, phase) => sum + phase.accepted, 0),
  ]);
  const never = accepted.filter(([, count]) => count === 0).map(([name]) => name);
  if (never.length > 0) throw new Error(`nothing was answered by 200: ${never.join(', ')}\n${output}`);
  return accepted.map(([name, count]) => `${name} answered ${count} by 200`).join(', ');
}

export function checkPhase({ phases, test_cases: cases, seed }, name) {
  const { status } = phases[name] ?? {};
  if (status === 'skip') return 'not applicable';
  if (status !== 'success') throw new Error(`${status}, CONTRACT_SEED=${seed} repeats it`);
  return `of ${cases.generated} cases in all`;
}
