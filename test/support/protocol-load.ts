// Calls through a caller's sidecar without a pause, on connections that stay and on new ones, in each protocol.
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { grpcUnary } from './grpc-unary.ts';
import { httpCall } from './http-call.ts';
import { openCall } from './open-call.ts';

export const protocols = ['http1', 'http2', 'grpc', 'tcp'] as const;
export type Protocol = (typeof protocols)[number];

export interface ProtocolLoad {
  /** How many calls went well, and what was wrong with others. */
  end(): Promise<{ readonly fine: number; readonly failed: readonly string[] }>;
  /** How many went well so far. */
  fine(): number;
}

/** Each of `calls` again and again, one after the other; `close` at the end. */
export function keepLoad(calls: readonly (() => Promise<void>)[], close = (): void => {}): ProtocolLoad {
  let going = true;
  let fine = 0;
  const failed: string[] = [];
  const loop = async (call: () => Promise<void>): Promise<void> => {
    while (going) {
      try {
        await call();
        fine += 1;
      } catch (reason) {
        failed.push(String(reason));
        if (failed.length > 20) return;
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const loops = calls.map(loop);
  return {
    fine: () => fine,
    async end() {
      going = false;
      await Promise.all(loops);
      close();
      return { fine, failed };
    },
  };
}

/** `outbound`: the caller's loopback port. */
export function protocolLoad(protocol: Protocol, outbound: number): ProtocolLoad {
  const sessions: ClientHttp2Session[] = [];
  const session = (): ClientHttp2Session => {
    const made = connectHttp2(`http://127.0.0.1:${outbound}`).on('error', () => undefined);
    sessions.push(made);
    return made;
  };
  const over = async (call: (session: ClientHttp2Session) => Promise<void>): Promise<void> => {
    const fresh = session();
    await call(fresh).finally(() => fresh.close());
  };
  const kinds: Record<Protocol, () => readonly (() => Promise<void>)[]> = {
    http1: () => [
      async () => {
        const { status, body } = await httpCall({ port: outbound });
        expectThat(status, 200, body);
      },
      async () => {
        const answer = await fetch(`http://127.0.0.1:${outbound}/`);
        expectThat(answer.status, 200, await answer.text());
      },
    ],
    http2: () => {
      const open = session();
      return [() => over(http2Call), () => http2Call(open)];
    },
    grpc: () => {
      const open = session();
      const call = async (on: ClientHttp2Session): Promise<void> =>
        expectThat(await grpcUnary(on, 'a.B/C', Buffer.alloc(0)), '0');
      return [() => over(call), () => call(open)];
    },
    tcp: () => [
      ...[1, 2].map(() => async () => {
        const open = openCall({ kind: 'tcp', port: outbound, echoMs: 20_000 });
        await open.echo('one').finally(() => open.close());
      }),
      // Longer than what leads to a drain, shorter than the drain.
      async () => {
        const open = openCall({ kind: 'tcp', port: outbound, echoMs: 20_000 });
        const text = 'a word in a conversation of two seconds';
        for (let turn = 0; turn < 40; turn += 1) {
          await open.echo(`${text} ${turn}\n`);
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        open.close();
      },
    ],
  };
  return keepLoad(kinds[protocol](), () => {
    for (const open of sessions) open.destroy();
  });
}

/** One call on a new connection. */
export async function newCall(protocol: Protocol, outbound: number): Promise<void> {
  if (protocol === 'http1') return expectThat((await httpCall({ port: outbound })).status, 200);
  if (protocol === 'tcp') {
    const open = openCall({ kind: 'tcp', port: outbound });
    return open.echo('one').finally(() => open.close());
  }
  const session = connectHttp2(`http://127.0.0.1:${outbound}`).on('error', () => undefined);
  try {
    if (protocol === 'http2') await http2Call(session);
    else expectThat(await grpcUnary(session, 'a.B/C', Buffer.alloc(0)), '0');
  } finally {
    session.destroy();
  }
}

/** `said`: with what it came. */
function expectThat(found: unknown, wanted: unknown, said = ''): void {
  if (found !== wanted) throw new Error(`${String(found)} in place of ${String(wanted)}: ${said.slice(0, 300)}`);
}

function http2Call(on: ClientHttp2Session): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = on.request({ ':path': '/' });
    let status: unknown;
    stream.on('response', (headers) => {
      status = headers[':status'];
    });
    stream.on('error', reject);
    stream.on('close', () => (status === 200 ? resolve() : reject(new Error(`status ${String(status)}`))));
    stream.resume().end();
  });
}
