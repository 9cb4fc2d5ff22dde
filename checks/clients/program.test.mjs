// The output of a program that a test started.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Program } from './program.mjs';

test('output has whole lines: an unfinished one follows when the program ends', async (context) => {
  const script = `
    process.stdout.write('first\\n{"unfinished":');
    process.stderr.write('of the other stream\\n');
    setInterval(() => {}, 1_000);
    process.on('SIGTERM', () => process.exit());`;
  const program = new Program(process.execPath, ['--eval', script], {});
  context.after(() => program.crash());
  const lines = () => program.output.split('\n').sort();
  await program.reaches(() => program.output.includes('of the other stream') && program.output.includes('first'), 20_000);
  assert.deepEqual(lines(), ['', 'first', 'of the other stream']);
  await program.end();
  assert.deepEqual(lines(), ['', 'first', 'of the other stream', '{"unfinished":']);
});
