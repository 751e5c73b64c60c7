import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const BROWSER = [
  'Host: shop.example.org',
  'Connection: keep-alive',
  'sec-ch-ua: "Chromium";v="126", "Google Chrome";v="126", "Not-A.Brand";v="99"',
  'sec-ch-ua-mobile: ?0',
  'User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
  'sec-ch-ua-platform: "Windows"',
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
  'Sec-Fetch-Site: same-origin',
  'Sec-Fetch-Mode: cors',
  'Sec-Fetch-Dest: empty',
  'Referer: https://shop.example.org/orders?page=2',
  'Accept-Encoding: gzip, deflate, br',
  'Accept-Language: en-US,en;q=0.9,de;q=0.8',
  'Cookie: theme=dark; session=not-a-real-session-0123456789abcdef',
];

const line = (i: number) => ({
  sku: `SKU-${1000 + i}`,
  title: `Thing number ${i}`,
  count: i + 1,
  price: 9.95,
});
const BODY = JSON.stringify({
  customer: { name: 'Ann Example', email: 'ann@example.org', password: 'not-a-real-password' },
  address: { street: 'Example Street 1', city: 'Exampleton', zip: '12345', country: 'DE' },
  lines: Array.from({ length: 10 }, (_, i) => line(i)),
  note: 'Please leave it at the door. '.repeat(4),
});
const POST = [
  'Host: shop.example.org',
  'User-Agent: okhttp/4.12.0',
  'Accept: application/json',
  'Accept-Encoding: gzip',
  'Authorization: Bearer not-a-real-token-0123456789abcdef',
  'Content-Type: application/json',
  `Content-Length: ${Buffer.byteLength(BODY)}`,
];

export const REQUESTS = {
  'GET with the headers of a browser': Buffer.from(
    `GET /orders/42?expand=lines HTTP/1.1\r\n${BROWSER.join('\r\n')}\r\n\r\n`,
  ),
  [`POST of ${Buffer.byteLength(BODY)} bytes of JSON`]: Buffer.from(
    `POST /orders HTTP/1.1\r\n${POST.join('\r\n')}\r\n\r\n${BODY}`,
  ),
} as const satisfies Readonly<Record<string, Buffer>>;

/** Whether a response has come whole. */
function isWhole(received: string): boolean {
  const head = received.indexOf('\r\n\r\n');
  if (head === -1) return false;
  if (!received.startsWith('HTTP/1.1 2')) throw new Error(received.slice(0, head));
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(received)?.[1]);
  return received.length >= head + 4 + length;
}

async function exchange(socket: Socket, request: Buffer): Promise<void> {
  socket.write(request);
  let received = '';
  while (!isWhole(received)) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    received += chunk.toString('latin1');
  }
}

export interface Load {
  readonly port: number;
  readonly request: Buffer;
  readonly count: number;
  readonly connections: number;
}

/** Sends requests over connections that stay open, each as soon as the one before was answered. Latencies in ms. */
export async function send({ port, request, count, connections }: Load): Promise<number[]> {
  const latencies: number[] = [];
  let left = count;
  const work = async (): Promise<void> => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    while (left > 0) {
      left -= 1;
      const sentAt = performance.now();
      await exchange(socket, request);
      latencies.push(performance.now() - sentAt);
    }
    socket.destroy();
  };
  await Promise.all(Array.from({ length: connections }, work));
  return latencies;
}
