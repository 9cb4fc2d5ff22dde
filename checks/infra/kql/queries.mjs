// The queries as they are sent to Azure: composed, and with their parameters replaced.

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const INFRA = fileURLToPath(new URL('../../../infra/', import.meta.url));
const FOLDER = `${INFRA}queries/`;
const HEADER = 'signer_log.kql';

/** The parameters of queries, with values for tests. The templates replace those of alerts, the portal those of the workbook. */
const PARAMETERS = {
  '{minutes}': '30',
  '{latencyMs}': '5',
  '{manyRefusals}': '1',
  '{manyStarts}': '1',
  '{isSigner}': "Caller has '00000000-0000-0000-0000-000000000000' or Caller has '22222222-2222-2222-2222-222222222222'",
  '{isPackage}': "ObjectKey contains '/store/package' or ObjectKey contains '/store2/package'",
  '{TimeRange:grain}': '5m',
  '{Key}': "'*'",
  '{Kind}': "'*'",
};

/** The paths of all queries, below infra/queries. */
export function queryFiles() {
  return readdirSync(FOLDER, { recursive: true }).filter((path) => path.endsWith('.kql')).sort();
}

function read(path) {
  return readFileSync(`${FOLDER}${path}`, 'utf8');
}

/** A query preceded by the signer's log, as in the workbook. */
export function composed(path) {
  return path === HEADER ? read(path) : `let SignerLog = ${read(HEADER)};\n${read(path)}`;
}

/** The number of lines in the composed query before those of its file. */
export function linesBefore(path) {
  return composed(path).slice(0, composed(path).lastIndexOf(read(path))).split('\n').length - 1;
}

/** A query that can be run. Throws if it has an unknown parameter. */
export function runnable(path) {
  let text = composed(path);
  for (const [parameter, value] of Object.entries(PARAMETERS)) text = text.replaceAll(parameter, value);
  const unknown = text.match(/\{[A-Za-z:]+\}/);
  if (unknown) throw new Error(`${path}: unknown parameter ${unknown[0]}`);
  return text;
}

/** The queries of the rules in logAlerts.bicep, each composed of those in alerts/: the output of alert_queries.py. */
export function rules() {
  return JSON.parse(readFileSync(process.env.ALERT_RULES, 'utf8'));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { TABLES } = await import('./tables.mjs');
  const queries = Object.fromEntries(queryFiles().map((path) => [path, runnable(path)]));
  console.log(JSON.stringify({ tables: TABLES, queries, rules: rules() }));
}
