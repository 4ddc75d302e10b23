// Floods an HTTP/2 port with frames: a program of its own, so that who measures beside it is not held up by it. Its orders are the JSON
// of its argument (flood-http2.ts); prints how its connections ended.
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { FloodOrders } from './flood-http2.ts';
import { ack, endHeaders, frameReader, frameType, http2Frame, preface, settings } from './raw-http2.ts';

/** Its answer says that all before it was read. */
const last = Buffer.from('the last');

function bytesOf({ frames, times, request }: FloodOrders): Buffer {
  const made = frames.map((frame) => ({ ...frame, bytes: Buffer.from(frame.payload, 'hex') }));
  const parts = [preface, settings({})];
  // Stream 1 is open all the time.
  if (request !== undefined) parts.push(http2Frame(frameType.headers, endHeaders, 1, Buffer.from(request, 'hex')));
  for (let time = 0; time < times; time++) {
    for (const { type, flags, stream, bytes } of made) {
      parts.push(http2Frame(type, flags, stream === 'next' ? 3 + 2 * time : stream, bytes));
    }
  }
  return Buffer.concat([...parts, http2Frame(frameType.ping, 0, 0, last)]);
}

function dial({ port, svid }: FloodOrders, opened: () => void): Socket {
  if (svid === undefined) return connectPlain(port, '127.0.0.1', opened);
  const { certificate: cert, key } = svid;
  return connectTls({ host: '127.0.0.1', port, cert, key, rejectUnauthorized: false, ALPNProtocols: ['h2'] }, opened);
}

async function flood(orders: FloodOrders, bytes: Buffer): Promise<'ended' | 'read'> {
  const socket = dial(orders, () => socket.write(bytes));
  const how = await new Promise<'ended' | 'read'>((resolve) => {
    socket.on('error', () => resolve('ended')).on('close', () => resolve('ended'));
    socket.on(
      'data',
      frameReader(({ type, flags, payload }) => {
        if (type === frameType.goaway) resolve('ended');
        if (type === frameType.ping && (flags & ack) !== 0 && payload.equals(last)) resolve('read');
      }),
    );
  });
  socket.destroy();
  return how;
}

const orders = JSON.parse(process.argv[2] ?? '') as FloodOrders;
const bytes = bytesOf(orders);
const ends = await Promise.all(Array.from({ length: orders.connections }, () => flood(orders, bytes)));
process.stdout.write(JSON.stringify({ ended: ends.filter((how) => how === 'ended').length, all: ends.length }));
