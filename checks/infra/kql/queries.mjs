// The queries as Azure gets them: composed and with their parameters filled in.

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const INFRA = fileURLToPath(new URL('../../../infra/', import.meta.url));
const FOLDER = `${INFRA}queries/`;
const HEADER = 'signer_log.kql';

/** What stands for a value until the query is used: in alerts the templates fill it in, in the workbook the portal does. */
const PARAMETERS = {
  '{minutes}': '30',
  '{signerPrincipalId}': '00000000-0000-0000-0000-000000000000',
  '{packagePath}': '/store/package',
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

/** A query with the signer's log before it, as alerts.bicep and the workbook have it. */
export function composed(path) {
  return path === HEADER ? read(path) : `let SignerLog = ${read(HEADER)};\n${read(path)}`;
}

/** How many lines of the composed query come before those of its file. */
export function linesBefore(path) {
  return composed(path).slice(0, composed(path).lastIndexOf(read(path))).split('\n').length - 1;
}

/** A query that can be run. Throws if it has a parameter that is not known. */
export function runnable(path) {
  let text = composed(path);
  for (const [parameter, value] of Object.entries(PARAMETERS)) text = text.replaceAll(parameter, value);
  const unknown = text.match(/\{[A-Za-z:]+\}/);
  if (unknown) throw new Error(`${path}: the parameter ${unknown[0]} is not known`);
  return text;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { TABLES } = await import('./tables.mjs');
  console.log(JSON.stringify({ tables: TABLES, queries: Object.fromEntries(queryFiles().map((path) => [path, runnable(path)])) }));
}
