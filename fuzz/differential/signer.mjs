// The signer's decoder, as a program that reads lines.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** Each input with the signer's result, or `null` if refused. */
export async function* decodeAll(kind, inputs) {
  const program = spawn(process.env.DECODE, { stdio: ['pipe', 'pipe', 'inherit'] });
  const sent = [];
  const writing = (async () => {
    for (const input of inputs) {
      sent.push(input);
      if (!program.stdin.write(`${kind} ${input}\n`)) await once(program.stdin, 'drain');
    }
    program.stdin.end();
  })();
  let answered = 0;
  for await (const line of createInterface({ input: program.stdout })) {
    const answer = JSON.parse(line);
    yield [sent[answered], answer.error === undefined ? answer : null];
    sent[answered] = undefined;
    answered += 1;
  }
  await writing;
  if (answered !== sent.length) throw new Error(`${sent.length} inputs, ${answered} answers`);
}
