// Checks every query of alerts and workbook: it parses, it fits the tables of a workspace, the signer logs each field that it reads,
// and each value that it compares with occurs.
//
//   node check.mjs --log FILE…      JSON lines of a real signer

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { SyntaxKind, analyse, nodes, stringOf, textOf } from './kusto.mjs';
import { INFRA, linesBefore, queryFiles, rules, runnable } from './queries.mjs';
import { TABLES } from './tables.mjs';
import { PLACEHOLDERS, source, staleness, withQuery } from './workbook.mjs';

const HEADER = 'signer_log.kql';
const findings = [];
const report = (where, what) => findings.push(`${where}: ${what}`);

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
  if (lines === 0) throw new Error('the log contains no line of the signer');
  return { values, lines };
}

/** The program's source, for values that do not occur in the log. */
function sources() {
  const folder = fileURLToPath(new URL('../../../src/', import.meta.url));
  const files = readdirSync(folder, { recursive: true }).filter((path) => path.endsWith('.rs'));
  return files.map((path) => readFileSync(`${folder}${path}`, 'utf8')).join('\n');
}

const isName = (node, name) => node.Kind === SyntaxKind.NameReference && textOf(node) === name;

const isStep = (node) => node.Kind === SyntaxKind.PathExpression || node.Kind === SyntaxKind.ElementExpression;

/** Whether a node is a path (`a.b.c` or `a.b['c']`) that is not part of a longer one. */
const isWholePath = (node) => isStep(node) && !(node.Parent && isStep(node.Parent));

const pathOf = (node) => textOf(node).replace(/\['(\w+)'\]/g, '.$1');

/** The path in a line for each column of the signer's log. */
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

/** The values with which a query compares columns of the signer's log. */
function* comparisons(syntax, columns) {
  for (const node of nodes(syntax)) {
    const left = node.ChildCount > 0 ? node.GetChild(0) : undefined;
    if (!left || ![...columns.keys()].some((column) => isName(left, column))) continue;
    const literals = [...nodes(node)].filter(isLiteral).map(stringOf);
    if (COMPARISONS.has(node.Kind)) {
      for (const value of literals) yield { column: textOf(left), meaning: COMPARISONS.get(node.Kind), value };
    } else if (OTHER_TESTS.has(node.Kind)) {
      yield { column: textOf(left), meaning: 'is compared in an unsupported way', value: textOf(node) };
    }
  }
}

/** Columns whose texts change between releases. */
const SENTENCES = new Set(['Sentence', 'Reason']);

/** All severities, whether they occur in the log or not. */
const SEVERITIES = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR'];

function checkQuery(path, columns, values, program) {
  const { errors, columns: result, syntax } = analyse(runnable(path));
  for (const { line, message } of errors) report(path, `line ${line - linesBefore(path)}: ${message}`);
  if (result.size === 0) report(path, 'the result has no columns');
  if (path === HEADER) return { result, unseen: [] };

  const unseen = [];
  // The header, which precedes every query, parses each line once.
  const readers = [...nodes(syntax)].filter((node) => isName(node, 'parse_json'));
  if (readers.length > 1) report(path, `only ${HEADER} may parse a line`);
  for (const node of nodes(syntax)) {
    if (isWholePath(node) && pathOf(node).startsWith('Fields.')) report(path, `${pathOf(node)}: add a column to ${HEADER}`);
  }
  for (const { column, meaning, value } of comparisons(syntax, columns)) {
    if (SENTENCES.has(column)) report(path, `${column} is for people: compare Event, Verdict or Cause`);
    const field = columns.get(column);
    const seen = field === 'level' ? SEVERITIES : [...(values.get(field) ?? [])];
    const quoted = meaning === 'is' ? `"${value}"` : `"${value}`;
    if (meaning !== 'is' && meaning !== 'starts with') report(path, `${column} ${meaning}: ${value}`);
    else if (seen.some((known) => (meaning === 'is' ? known === value : String(known).startsWith(value)))) continue;
    else if (program.includes(quoted)) unseen.push(`${column} '${value}'`);
    else if (value !== '*') report(path, `${column} is never '${value}'`);
  }
  return { result, unseen };
}

/** Checks the problems in logAlerts.bicep: each has a query with a subject. Returns the used queries. */
function checkProblems(results) {
  const bicep = readFileSync(`${INFRA}modules/logAlerts.bicep`, 'utf8');
  const paths = [...bicep.matchAll(/loadTextContent\('\.\.\/queries\/(alerts\/[^']+)'\)/g)].map(([, path]) => path);
  for (const path of paths) {
    const columns = results.get(path);
    if (!columns) report('logAlerts.bicep', `no query ${path}`);
    else if (columns.get('Subject') !== 'string') report(path, 'Subject is a dimension, but is not a string in the result');
  }
  if (paths.length < 10) report('logAlerts.bicep', `only ${paths.length} problems were found`);
  return paths;
}

/** Checks the rules themselves, in a workspace with all tables, and in one without each, unless the rule reads no other table. */
function checkRules() {
  for (const [name, query] of Object.entries(rules())) {
    const read = Object.keys(TABLES).filter((table) => query.includes(table));
    const absent = Object.keys(TABLES).filter((table) => read.join() !== table);
    for (const missing of ['', ...absent]) {
      const where = missing ? `${name} without the table ${missing}` : name;
      const { errors, columns } = analyse(query, missing);
      for (const { line, message } of errors) report(where, `line ${line}: ${message}`);
      for (const column of ['Problem', 'Subject', 'Advice']) {
        if (columns.get(column) !== 'string') report(where, `${column} is not a string in the result`);
      }
      if (columns.has('TimeGenerated')) report(where, 'TimeGenerated is in the result: old rows would not count');
    }
  }
}

function checkWorkbook() {
  const stale = staleness();
  if (stale) report('workbook.json', stale);
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
    if (!name || names.indexOf(name) !== names.lastIndexOf(name)) report('workbook.source.json', `the name ${name} is not unique`);
  }
  const bicep = readFileSync(`${INFRA}modules/workbook.bicep`, 'utf8');
  const text = JSON.stringify(workbook);
  for (const placeholder of new Set(text.match(/__[A-Z_]+__/g))) {
    if (!PLACEHOLDERS.includes(placeholder)) report('workbook.source.json', `unknown placeholder ${placeholder}`);
  }
  for (const placeholder of PLACEHOLDERS) {
    if (!bicep.includes(`'${placeholder}'`)) report('workbook.bicep', `${placeholder} is not replaced`);
  }
  return new Set([...withQuery(workbook)].map(({ query }) => query.slice(1)));
}

const { log } = parseArgs({ options: { log: { type: 'string', multiple: true, default: [] } } }).values;
const { values, lines } = valuesOf(log);
const program = sources();
const columns = columnsOfLog();
const missing = [...columns].filter(([, path]) => path !== 'fields' && !values.has(path));
for (const [column, path] of missing) report(HEADER, `${column}: no line has ${path}`);

const results = new Map();
const unseen = new Set();
for (const path of queryFiles()) {
  const checked = checkQuery(path, columns, values, program);
  results.set(path, checked.result);
  for (const value of checked.unseen) unseen.add(value);
}
checkRules();
const used = new Set([HEADER, ...checkProblems(results), ...checkWorkbook()]);
for (const path of queryFiles()) if (!used.has(path)) report(path, 'this query is not used');

const counted = `${results.size} queries, ${columns.size} columns of the log, ${lines} lines of a real log`;
if (unseen.size > 0) console.log(`not in this log, but in the program's source:\n  ${[...unseen].sort().join('\n  ')}`);
if (findings.length > 0) {
  console.error(findings.join('\n'));
  console.error(`${counted}: ${findings.length} findings`);
  process.exitCode = 1;
} else {
  console.log(`${counted}: no findings`);
}
