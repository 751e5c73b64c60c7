import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Gateway {
  readonly port: number;
  /** The next command that contains this text reaches MongoDB, and its answer is lost with the connection. */
  loseAnswerOf(text: string): Promise<void>;
  /** From now on nothing passes, and nothing says so. */
  freeze(): void;
  thaw(): void;
  close(): void;
}

/** A way to MongoDB that can be cut behind a command. */
export async function startGateway(target: number): Promise<Gateway> {
  const sockets = new Set<Socket>();
  let armed: { readonly text: string; readonly done: () => void } | null = null;
  let isFrozen = false;

  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    let isCut = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      if (isFrozen) socket.pause();
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', (chunk) => {
      if (armed !== null && chunk.includes(armed.text)) isCut = true;
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (!isCut) return void client.write(chunk);
      armed?.done();
      armed = null;
      client.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    port: (server.address() as AddressInfo).port,
    loseAnswerOf: (text) =>
      new Promise((done) => {
        armed = { text, done };
      }),
    freeze() {
      isFrozen = true;
      for (const socket of sockets) socket.pause();
    },
    thaw() {
      isFrozen = false;
      for (const socket of sockets) socket.resume();
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
