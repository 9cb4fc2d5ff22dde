// The signer's decoder, as the program that reads lines.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** Every input with what the signer decodes from it, or `null` if it refuses it. */
export async function* decodeAll(kind, inputs) {
  const program = spawn(process.env.DECODE, { stdio: ['pipe', 'pipe', 'inherit'] });
  const asked = [];
  const asking = (async () => {
    for (const input of inputs) {
      asked.push(input);
      if (!program.stdin.write(`${kind} ${input}\n`)) await once(program.stdin, 'drain');
    }
    program.stdin.end();
  })();
  let answered = 0;
  for await (const line of createInterface({ input: program.stdout })) {
    const answer = JSON.parse(line);
    yield [asked[answered], answer.error === undefined ? answer : null];
    asked[answered] = undefined;
    answered += 1;
  }
  await asking;
  if (answered !== asked.length) throw new Error(`${asked.length} questions, ${answered} answers`);
}
