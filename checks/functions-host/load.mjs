// Bakers that request one signature after another, without retries.

import { consensus } from '../clients/payloads.mjs';
import { pause } from './host.mjs';

// Each baker uses its own chain, so that levels only rise. There are few of them, since a signer limits the unknown chains of a key.
const chains = Array.from({ length: 6 }, (_, index) => ({ id: Buffer.from([1, 2, 3, index]), level: 1 }));

/**
 * Starts bakers that vote at one level after another.
 *
 * @param {{ bakers: number, perSecond?: number }} options `perSecond` is the rate of all together; without it, they do not pause
 */
export function vote(host, key, { bakers, perSecond }) {
  const answers = [];
  let running = true;
  const baker = async (chain, index) => {
    const interval = perSecond ? (1_000 * bakers) / perSecond : 0;
    await pause(index * (interval / bakers));
    while (running) {
      const next = Date.now() + interval;
      const payload = consensus('attestation', key.curve, { level: chain.level++, chain: chain.id });
      const answer = await host.sign(key, payload).catch((error) => ({ status: 0, body: `${error}` }));
      answers.push({ ...answer, payload });
      await pause(Math.max(0, next - Date.now()));
    }
  };
  if (bakers > chains.length) throw new Error(`at most ${chains.length} bakers, one per chain`);
  const all = Promise.all(chains.slice(0, bakers).map(baker));
  return {
    answers,
    /** Ends the load, and returns every answer. */
    async stop() {
      running = false;
      await all;
      return answers;
    },
  };
}

/** The answers without a valid signature. */
export function lost(answers, key) {
  return answers.filter(
    ({ status, body, payload }) => status !== 200 || !key.verify(JSON.parse(body).signature, payload),
  );
}
