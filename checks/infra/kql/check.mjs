// Checks every query of the monitoring: that it parses, that it fits the tables of a workspace, that each field which it reads
// from the signer's log is one that the signer logs, and that each value which it compares with is one that occurs.
//
//   node check.mjs --log FILE…      lines of JSON that the signer really wrote

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { SyntaxKind, analyse, nodes, stringOf, textOf } from './kusto.mjs';
import { INFRA, linesBefore, queryFiles, runnable } from './queries.mjs';
import { PLACEHOLDERS, source, staleness, withQuery } from './workbook.mjs';

const HEADER = 'signer_log.kql';
const findings = [];
const complain = (where, what) => findings.push(`${where}: ${what}`);

/** The values of each path, `fields.cause` and the like, in real lines. */
function valuesOf(files) {
  const values = new Map();
  const collect = (path, value) => {
    if (typeof value === 'object' && value !== null) {
      for (const [name, part] of Object.entries(value)) collect(path ? `${path}.${name}` : name, part);
    } else {
      if (!values.has(path)) values.set(path, new Set());
      values.get(path).add(value);
    }
  };
  let lines = 0;
  for (const file of files) {
    for (const line of readFileSync(file, 'utf8').split('\n').filter((line) => line.startsWith('{"timestamp":'))) {
      collect('', JSON.parse(line));
      lines += 1;
    }
  }
  if (lines === 0) throw new Error('there is not a line of the signer in the log');
  return { values, lines };
}

/** The program's text, for what no test makes it say. */
function sources() {
  const folder = fileURLToPath(new URL('../../../src/', import.meta.url));
  const files = readdirSync(folder, { recursive: true }).filter((path) => path.endsWith('.rs'));
  return files.map((path) => readFileSync(`${folder}${path}`, 'utf8')).join('\n');
}

const isName = (node, name) => node.Kind === SyntaxKind.NameReference && textOf(node) === name;

const isStep = (node) => node.Kind === SyntaxKind.PathExpression || node.Kind === SyntaxKind.ElementExpression;

/** Whether a node is a path, of which it is no part of a longer one: `a.b.c`, or `a.b['c']`. */
const isWholePath = (node) => isStep(node) && !(node.Parent && isStep(node.Parent));

const pathOf = (node) => textOf(node).replace(/\['(\w+)'\]/g, '.$1');

/** Which column of the signer's log holds which path of a line. */
function columnsOfLog() {
  const columns = new Map();
  for (const node of nodes(analyse(runnable(HEADER)).syntax)) {
    if (node.Kind !== SyntaxKind.SimpleNamedExpression) continue;
    const path = [...nodes(node)].find(isWholePath);
    if (path) columns.set(textOf(node).split('=')[0].trim(), pathOf(path).replace(/^log\./, ''));
  }
  return columns;
}

const COMPARISONS = new Map(
  Object.entries({
    EqualExpression: 'is',
    NotEqualExpression: 'is',
    InExpression: 'is',
    NotInExpression: 'is',
    StartsWithExpression: 'starts with',
    StartsWithCsExpression: 'starts with',
  }).map(([kind, meaning]) => [SyntaxKind[kind], meaning]),
);
const isLiteral = (node) => node.Kind === SyntaxKind.StringLiteralExpression;
const OTHER_TESTS = new Set(
  Object.keys(SyntaxKind)
    .filter((kind) => /^(Not)?(Has|Contains|StartsWith|MatchesRegex|In|EqualTilde|BangTilde)\w*Expression$/.test(kind))
    .map((kind) => SyntaxKind[kind])
    .filter((kind) => !COMPARISONS.has(kind)),
);

/** What a query compares columns of the signer's log with. */
function* comparisons(syntax, columns) {
  for (const node of nodes(syntax)) {
    const left = node.ChildCount > 0 ? node.GetChild(0) : undefined;
    if (!left || ![...columns.keys()].some((column) => isName(left, column))) continue;
    const literals = [...nodes(node)].filter(isLiteral).map(stringOf);
    if (COMPARISONS.has(node.Kind)) {
      for (const value of literals) yield { column: textOf(left), meaning: COMPARISONS.get(node.Kind), value };
    } else if (OTHER_TESTS.has(node.Kind)) {
      yield { column: textOf(left), meaning: 'is tested in a way that is not checked here', value: textOf(node) };
    }
  }
}

/** Columns whose texts change between releases. */
const SENTENCES = new Set(['Sentence', 'Reason']);

/** How grave an event can be, whether it happened or not. */
const SEVERITIES = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR'];

function checkQuery(path, columns, values, program) {
  const { errors, columns: result, syntax } = analyse(runnable(path));
  for (const { line, message } of errors) complain(path, `line ${line - linesBefore(path)}: ${message}`);
  if (result.size === 0) complain(path, 'the result has no columns');
  if (path === HEADER) return { result, unseen: [] };

  const unseen = [];
  // The header, which stands before every query, reads each line once.
  const readers = [...nodes(syntax)].filter((node) => isName(node, 'parse_json'));
  if (readers.length > 1) complain(path, `only ${HEADER} may read a line`);
  for (const node of nodes(syntax)) {
    if (isWholePath(node) && pathOf(node).startsWith('Fields.')) complain(path, `${pathOf(node)}: give it a column in ${HEADER}`);
  }
  for (const { column, meaning, value } of comparisons(syntax, columns)) {
    if (SENTENCES.has(column)) complain(path, `${column} is for people: compare Event, Verdict or Cause`);
    const field = columns.get(column);
    const seen = field === 'level' ? SEVERITIES : [...(values.get(field) ?? [])];
    const quoted = meaning === 'is' ? `"${value}"` : `"${value}`;
    if (meaning !== 'is' && meaning !== 'starts with') complain(path, `${column} ${meaning}: ${value}`);
    else if (seen.some((known) => (meaning === 'is' ? known === value : String(known).startsWith(value)))) continue;
    else if (program.includes(quoted)) unseen.push(`${column} '${value}'`);
    else if (value !== '*') complain(path, `${column} is never '${value}'`);
  }
  return { result, unseen };
}

/** The rules in alerts.bicep: that each names columns that its query has, and that no file is left out. */
function checkAlerts(results) {
  const bicep = readFileSync(`${INFRA}modules/alerts.bicep`, 'utf8');
  const rules = bicep.split(/^  \{$/m).filter((text) => text.includes('loadTextContent('));
  const used = new Set();
  for (const rule of rules) {
    const path = rule.match(/loadTextContent\('\.\.\/queries\/([^']+)'\)/)[1];
    used.add(path);
    const columns = results.get(path);
    if (!columns) {
      complain('alerts.bicep', `there is no query ${path}`);
      continue;
    }
    const measure = rule.match(/measure: '(\w*)'/)?.[1];
    if (measure && !['real', 'long', 'int'].includes(columns.get(measure))) {
      complain(path, `${measure} is measured, and is no number of the result`);
    }
    for (const [, name] of (rule.match(/dimensions: \[([^\]]*)\]/)?.[1] ?? '').matchAll(/\bby(\w+)/g)) {
      if (columns.get(name) !== 'string') complain(path, `${name} is a dimension, and is no text of the result`);
    }
  }
  if (rules.length < 10) complain('alerts.bicep', `only ${rules.length} rules were understood`);
  return used;
}

function checkWorkbook() {
  const stale = staleness();
  if (stale) complain('workbook.json', stale);
  const workbook = source();
  const names = [];
  const collect = (items) => {
    for (const item of items) {
      names.push(item.name);
      if (item.type === 12) collect(item.content.items);
    }
  };
  collect(workbook.items);
  for (const name of names) {
    if (!name || names.indexOf(name) !== names.lastIndexOf(name)) complain('workbook.source.json', `the name ${name} is not unique`);
  }
  const bicep = readFileSync(`${INFRA}modules/workbook.bicep`, 'utf8');
  const text = JSON.stringify(workbook);
  for (const placeholder of new Set(text.match(/__[A-Z_]+__/g))) {
    if (!PLACEHOLDERS.includes(placeholder)) complain('workbook.source.json', `the placeholder ${placeholder} is not known`);
  }
  for (const placeholder of PLACEHOLDERS) {
    if (!bicep.includes(`'${placeholder}'`)) complain('workbook.bicep', `${placeholder} is not filled in`);
  }
  return new Set([...withQuery(workbook)].map(({ query }) => query.slice(1)));
}

const { log } = parseArgs({ options: { log: { type: 'string', multiple: true, default: [] } } }).values;
const { values, lines } = valuesOf(log);
const program = sources();
const columns = columnsOfLog();
const missing = [...columns].filter(([, path]) => path !== 'fields' && !values.has(path));
for (const [column, path] of missing) complain(HEADER, `${column}: no line has ${path}`);

const results = new Map();
const unseen = new Set();
for (const path of queryFiles()) {
  const checked = checkQuery(path, columns, values, program);
  results.set(path, checked.result);
  for (const value of checked.unseen) unseen.add(value);
}
const used = new Set([HEADER, ...checkAlerts(results), ...checkWorkbook()]);
for (const path of queryFiles()) if (!used.has(path)) complain(path, 'nothing uses this query');

const counted = `${results.size} queries, ${columns.size} columns of the log, ${lines} lines of a real one`;
if (unseen.size > 0) console.log(`not in these lines, but in the program:\n  ${[...unseen].sort().join('\n  ')}`);
if (findings.length > 0) {
  console.error(findings.join('\n'));
  console.error(`${counted}: ${findings.length} findings`);
  process.exitCode = 1;
} else {
  console.log(`${counted}: nothing found`);
}
