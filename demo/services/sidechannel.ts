// Gitaly's sidechannel: behind eleven bytes on the port of its gRPC, Yamux takes the place of HTTP/2 (Gitaly, doc/sidechannel.md;
// https://github.com/hashicorp/yamux/blob/master/spec.md). The stand-in answers a stream with what it says.
import { connect, type Socket } from 'node:net';
import { deadlineMs, failed, type Outcome } from '../wire/outcome.ts';

export const magic = Buffer.from('backchannel');
const headerBytes = 12;

/** Data frames (type 0) of a stream go back as they came. */
export function echoYamux(socket: Socket, first: Buffer): void {
  let rest = first;
  const take = (chunk: Buffer): void => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      if (rest.length < headerBytes) return;
      const length = rest[1] === 0 ? rest.readUInt32BE(8) : 0;
      if (rest.length < headerBytes + length) return;
      if (length > 0) socket.write(rest.subarray(0, headerBytes + length));
      rest = rest.subarray(headerBytes + length);
    }
  };
  take(Buffer.alloc(0));
  socket.on('data', take);
}

export function yamuxData(stream: number, text: string): Buffer {
  const header = Buffer.alloc(headerBytes);
  // Version 0, data, SYN.
  header.writeUInt16BE(1, 2);
  header.writeUInt32BE(stream, 4);
  header.writeUInt32BE(Buffer.byteLength(text), 8);
  return Buffer.concat([header, Buffer.from(text)]);
}

/** As Workhorse fetches a pack: one stream of the sidechannel, which must say what it was told. */
export function callSidechannel(address: string): Promise<Outcome> {
  const [host = '', port = ''] = address.split(':');
  const text = 'want 0123456789abcdef0123456789abcdef01234567\n';
  return new Promise((resolve) => {
    const socket = connect(Number(port), host);
    let heard = Buffer.alloc(0);
    const end = (outcome: Outcome): void => {
      resolve(outcome);
      socket.destroy();
    };
    socket.setTimeout(deadlineMs, () => end(failed(new Error(`no answer in ${deadlineMs} ms`))));
    socket.on('error', (reason) => end(failed(reason)));
    socket.on('close', () => end(failed(new Error('the connection was closed without an answer'))));
    socket.on('data', (chunk: Buffer) => {
      heard = Buffer.concat([heard, chunk]);
      if (heard.length < headerBytes + text.length) return;
      const body = heard.subarray(headerBytes).toString();
      end(body === text ? { kind: 'ok', body, caller: {} } : failed(new Error(`another answer: ${body.slice(0, 80)}`)));
    });
    socket.write(Buffer.concat([magic, yamuxData(1, text)]));
  });
}
