// Microsoft's Kusto language service: parses a query, finds its errors, and determines the columns of its result.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runInThisContext } from 'node:vm';
import { TABLES } from './tables.mjs';

// Two browser scripts, compiled from C#, which define globals.
for (const script of ['bridge.min.js', 'Kusto.Language.Bridge.min.js']) {
  const path = fileURLToPath(import.meta.resolve(`@kusto/language-service-next/${script}`));
  runInThisContext(readFileSync(path, 'utf8'), path);
}
const { KustoCode, GlobalState, Symbols, Syntax } = globalThis.Kusto.Language;
export const { SyntaxKind } = Syntax;

const tables = Object.entries(TABLES).map(([name, columns]) => new Symbols.TableSymbol.$ctor7(name, `(${columns})`, null));

/** A workspace with all tables but one. */
function workspace(missing) {
  const present = tables.filter((table) => table.Name !== missing);
  return GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.ctor('workspace', present));
}

function list(collection) {
  const items = [];
  for (let i = 0; i < (collection?.Count ?? 0); i += 1) items.push(collection.getItem(i));
  return items;
}

/**
 * The errors of a query with their lines, the columns of its result, and its syntax tree. A missing table is an error unless a fuzzy
 * union leaves it out.
 */
export function analyse(text, missing = '') {
  const code = KustoCode.ParseAndAnalyze(text, workspace(missing));
  const fatal = list(code.GetDiagnostics()).filter((diagnostic) => !missing || diagnostic.Severity === 'Error');
  const errors = fatal.map((diagnostic) => {
    const line = text.slice(0, diagnostic.Start).split('\n').length;
    return { line, message: `${diagnostic.Message} (${text.slice(diagnostic.Start, diagnostic.Start + diagnostic.Length)})` };
  });
  const columns = new Map(list(code.ResultType?.Columns).map((column) => [column.Name, column.Type.Name]));
  return { errors, columns, syntax: code.Syntax };
}

/** A node of the tree and all its descendants. */
export function* nodes(node) {
  yield node;
  for (let i = 0; i < node.ChildCount; i += 1) {
    const child = node.GetChild(i);
    if (child) yield* nodes(child);
  }
}

export function textOf(node) {
  return node.ToString(Syntax.IncludeTrivia.Interior).trim();
}

/** The value of a string literal. */
export function stringOf(node) {
  return node.LiteralValue;
}
