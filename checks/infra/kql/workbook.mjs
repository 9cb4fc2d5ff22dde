// Generates infra/workbook/workbook.json, which is deployed, from workbook.source.json, in which a query is the name of its file, "@…".
//
//   node workbook.mjs           writes it
//   node workbook.mjs --check   fails if it is out of date

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { INFRA, composed } from './queries.mjs';

const SOURCE = `${INFRA}workbook/workbook.source.json`;
const TARGET = `${INFRA}workbook/workbook.json`;

/** The maximum length of a text file that Bicep loads. */
const MAX_CHARACTERS = 131_072;

/** The placeholders that workbook.bicep replaces. */
export const PLACEHOLDERS = ['__WORKSPACE_ID__', '__KEY_VAULT_ID__', '__COSMOS_ACCOUNT_ID__'];

export function source() {
  return JSON.parse(readFileSync(SOURCE, 'utf8'));
}

/** All objects with a query, at any depth. */
export function* withQuery(value) {
  if (typeof value !== 'object' || value === null) return;
  if (typeof value.query === 'string') yield value;
  for (const part of Object.values(value)) yield* withQuery(part);
}

function built() {
  const workbook = source();
  for (const item of withQuery(workbook)) {
    if (!item.query.startsWith('@')) throw new Error(`a query in ${SOURCE} is not a file name: ${item.query}`);
    item.query = composed(item.query.slice(1));
    item.queryType = 0;
    item.resourceType = 'microsoft.operationalinsights/workspaces';
    item.crossComponentResources = ['__WORKSPACE_ID__'];
    if (item.timeContext === undefined) item.timeContextFromParameter = 'TimeRange';
  }
  const text = `${JSON.stringify(workbook, null, 1)}\n`;
  if (text.length > MAX_CHARACTERS) throw new Error(`the workbook is longer than the ${MAX_CHARACTERS} characters that Bicep loads`);
  return text;
}

/** An error if the deployed workbook does not match its source. */
export function staleness() {
  return readFileSync(TARGET, 'utf8') === built() ? undefined : 'workbook.json is out of date: node checks/infra/kql/workbook.mjs';
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes('--check')) {
    const stale = staleness();
    if (stale) {
      console.error(stale);
      process.exitCode = 1;
    }
  } else {
    writeFileSync(TARGET, built());
  }
}
