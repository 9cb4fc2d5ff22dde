// A port for a server that a test starts.

import { once } from 'node:events';
import { createServer } from 'node:net';

/** A port of this address that is free now. Another process may take it before the server does. */
export async function freePort(address) {
  const server = createServer().listen(0, address);
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
