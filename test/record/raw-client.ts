import { once } from 'node:events';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { connect as connectSecurely } from 'node:tls';

const LONGEST_WAIT_MS = 20_000;

/** A client that says exactly what a test wants said, and keeps every byte that comes back. */
export class RawClient {
  private received = '';
  /** Where the next look for a text begins. */
  private position = 0;
  private wake = (): void => {};

  private constructor(private readonly socket: Socket) {
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.received += text;
      this.wake();
    });
    socket.on('close', () => this.wake());
    // a server that closes early resets the connection
    socket.on('error', () => {});
    socket.setTimeout(LONGEST_WAIT_MS, () => socket.destroy());
  }

  static async connect(url: string): Promise<RawClient> {
    const { hostname, port } = new URL(url);
    return RawClient.open({ host: hostname.replace(/[[\]]/g, ''), port: Number(port) });
  }

  static async open(options: NetConnectOpts): Promise<RawClient> {
    const socket = connect(options);
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  /** Over TLS with a key that both sides know: no certificate is needed. */
  static async secure(url: string, psk: Buffer): Promise<RawClient> {
    const { hostname, port } = new URL(url);
    const options = { host: hostname, port: Number(port), ciphers: 'PSK', maxVersion: 'TLSv1.2' } as const;
    const pskCallback = () => ({ psk, identity: 'tester' });
    const socket = connectSecurely({ ...options, pskCallback, checkServerIdentity: () => undefined });
    await once(socket, 'secureConnect');
    return new RawClient(socket);
  }

  send(data: string | Buffer): void {
    this.socket.write(data);
  }

  /** Resolves once the other side has taken what was sent. */
  async sendAll(data: string | Buffer): Promise<void> {
    if (!this.socket.write(data)) await once(this.socket, 'drain');
  }

  /** All that has come, a character a byte. */
  text(): string {
    return this.received;
  }

  /** Resolves once the text has come, after all that was seen before. */
  async sees(text: string): Promise<void> {
    for (;;) {
      const found = this.received.indexOf(text, this.position);
      if (found !== -1) {
        this.position = found + text.length;
        return;
      }
      if (this.socket.closed)
        throw new Error(`The connection closed before '${text}' came: ${this.received}`);
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  /** All that came, once the server has closed. */
  async end(): Promise<string> {
    if (!this.socket.closed) await once(this.socket, 'close');
    return this.received;
  }

  /** Leaves without a word, as a closed laptop does. */
  leave(): void {
    this.socket.resetAndDestroy();
  }
}

/** Sends one request that asks for the connection to be closed; gives all that was answered, a character a byte. */
export async function exchange(url: string, request: string | Buffer): Promise<string> {
  const client = await RawClient.connect(url);
  client.send(request);
  return client.end();
}

/** A request without a body, with the lines a test cares for. */
export function get(target: string, lines: readonly string[] = [], method = 'GET'): string {
  const headers = ['Host: shop.example', 'Connection: close', ...lines];
  return `${method} ${target} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`;
}

export function post(target: string, body: string | Buffer, type = 'application/json'): Buffer {
  const bytes = Buffer.from(body);
  const head = [`Content-Type: ${type}`, `Content-Length: ${bytes.length}`];
  return Buffer.concat([Buffer.from(get(target, head, 'POST')), bytes]);
}
