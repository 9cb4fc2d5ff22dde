// Toolkits as users set them up, with a mock node that records injected operations.

import BigNumber from 'bignumber.js';

import { BLOCK, PROTOCOL, RECIPIENT } from './operations.mjs';
import { base58 } from './verification.mjs';

const CONSTANTS = { hard_gas_limit_per_operation: 1_040_000, hard_storage_limit_per_operation: 60_000 };
const OPERATION_HASH = base58('0574', Buffer.alloc(32, 3));

/** A node that has never seen any account. An injected operation ends with the signature that was preapplied before. */
function node() {
  const seen = {};
  return {
    seen,
    getBlockHeader: async () => ({ hash: BLOCK }),
    getProtocols: async () => ({ protocol: PROTOCOL, next_protocol: PROTOCOL }),
    getConstants: async () =>
      Object.fromEntries(Object.entries(CONSTANTS).map(([name, value]) => [name, new BigNumber(value)])),
    getContract: async () => ({ counter: '7204320', balance: new BigNumber(1e9) }),
    getBalance: async () => new BigNumber(1e9),
    getManagerKey: async () => null,
    preapplyOperations: async ([{ contents, signature }]) => {
      Object.assign(seen, { contents, signature });
      return [{ contents: [] }];
    },
    injectOperation: async (bytes) => {
      seen.bytes = bytes;
      return OPERATION_HASH;
    },
  };
}

/** Sends tez from an account that was never used, and returns the node's record of it. */
export async function firstTransfer(TezosToolkit, signer) {
  const rpc = node();
  const toolkit = new TezosToolkit(rpc);
  toolkit.setSignerProvider(signer);
  await toolkit.contract.transfer({ to: RECIPIENT, amount: 1, fee: 1420, gasLimit: 5200, storageLimit: 257 });
  return rpc.seen;
}
