// The emulator as a program, which a test can kill.

import emulator from '@vercel/cosmosdb-server';

const server = emulator.createHttpServer({ keepAlive: true });
server.listen(0, '127.0.0.1', () => console.log(`listening on port ${server.address().port}`));
