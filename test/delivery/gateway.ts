import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Gateway {
  readonly port: number;
  /** The next command that contains this text reaches MongoDB, and its answer is lost with the connection. */
  loseAnswerOf(text: string): Promise<void>;
  /** From now on nothing passes, and nothing says so. */
  freeze(): void;
  thaw(): void;
  /** From now on each chunk waits so long, in both directions. */
  delay(ms: number): void;
  /** Every connection ends at once, with a reset. */
  reset(): void;
  close(): void;
}

/** Passes chunks on in their order, each after the delay of the moment it came. */
function createLane(pass: (chunk: Buffer) => void, delayMs: () => number): (chunk: Buffer) => void {
  const waiting: { readonly chunk: Buffer; readonly at: number }[] = [];
  const passDue = (): void => {
    for (let [next] = waiting; next !== undefined; [next] = waiting) {
      const left = next.at - performance.now();
      if (left > 0) return void setTimeout(passDue, left);
      waiting.shift();
      pass(next.chunk);
    }
  };
  return (chunk) => {
    if (waiting.length === 0 && delayMs() === 0) return pass(chunk);
    waiting.push({ chunk, at: performance.now() + delayMs() });
    if (waiting.length === 1) setTimeout(passDue, delayMs());
  };
}

/** A way to MongoDB that can be cut behind a command. */
export async function startGateway(target: number): Promise<Gateway> {
  const sockets = new Set<Socket>();
  let armed: { readonly text: string; readonly done: () => void } | null = null;
  let isFrozen = false;
  let delayMs = 0;

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
    const toMongo = createLane(
      (chunk) => void upstream.write(chunk),
      () => delayMs,
    );
    const toClient = createLane(
      (chunk) => void client.write(chunk),
      () => delayMs,
    );
    client.on('data', (chunk) => {
      if (armed !== null && chunk.includes(armed.text)) isCut = true;
      toMongo(chunk);
    });
    upstream.on('data', (chunk) => {
      if (!isCut) return toClient(chunk);
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
    delay(ms) {
      delayMs = ms;
    },
    reset() {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
