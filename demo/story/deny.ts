// A deny with --urgent against an open HTTP/2 connection that is probed every millisecond, taken back again.
import type { ClientHttp2Session } from 'node:http2';
import { until } from '../house/until.ts';
import type { World } from '../house/world.ts';
import { openHttp2, requestHttp2 } from '../wire/http2.ts';
import { connectTls, secureContext } from '../wire/tls.ts';
import { must } from './step.ts';

const target = 'cell-1/registry';
const policy = 'AuthorizationPolicy/cell-1/stop-gitlab';

export interface OpenConnection {
  readonly localPort: number;
  /** Milliseconds from the server's acceptance of the deny to the first refusal on this connection. */
  deny(): Promise<number>;
  /** Still the connection that was opened. */
  isOpen(): boolean;
  close(): void;
}

/** As cell-1's gitlab, to the registry. */
export async function openConnection(world: World): Promise<OpenConnection> {
  const { socket } = await connectTls({
    address: world.inbound(target),
    expect: world.spiffeId(target),
    context: secureContext(world.clients.cell1Gitlab.material()),
    alpn: ['h2'],
  });
  const { localPort = 0 } = socket;
  const session = openHttp2({ socket });
  return {
    localPort,
    deny: () => denyOnce(world, session),
    isOpen: () => !session.closed && !session.destroyed && socket.localPort === localPort,
    close: () => session.destroy(),
  };
}

async function denyOnce({ controlPlane, spiffeId }: World, session: ClientHttp2Session): Promise<number> {
  must((await send(session)) === 200, 'allowed before the deny');
  let refusedAt: number | undefined;
  let broken: number | undefined;
  const prober = setInterval(() => {
    void send(session).then((code) => {
      if (code === 403) refusedAt ??= now();
      else if (code !== 200) broken ??= code;
    });
  }, 1);
  let acceptedAt = 0;
  try {
    const answer = await controlPlane.admin.apply({ text: denyText(spiffeId('cell-1/gitlab')), urgent: true });
    must(answer.kind !== 'invalid', 'the deny is not valid');
    acceptedAt = answer.acceptedAt;
    await until(() => refusedAt ?? broken, { what: 'the open connection is refused', withinMs: 5000, everyMs: 5 });
  } finally {
    clearInterval(prober);
    await controlPlane.admin.apply({ changes: [{ op: 'delete', key: policy }], urgent: true });
  }
  must(broken === undefined, `a probe on the open connection ended with ${broken}`);
  await until(async () => ((await send(session)) === 200 ? true : undefined), {
    what: 'allowed again after the deny is taken back',
    withinMs: 5000,
    everyMs: 2,
  });
  return Math.round(((refusedAt ?? Number.NaN) - acceptedAt) * 100) / 100;
}

/** The status; 0 if there was no answer. */
async function send(session: ClientHttp2Session): Promise<number> {
  if (session.closed || session.destroyed) return 0;
  const outcome = await requestHttp2(session, 'GET', '/v2/');
  return outcome.kind === 'ok' ? 200 : outcome.kind === 'refused' ? outcome.code : 0;
}

function now(): number {
  return performance.timeOrigin + performance.now();
}

function denyText(spiffeId: string): string {
  return `apiVersion: cellwall/v1
kind: AuthorizationPolicy
metadata:
  name: stop-gitlab
  cell: cell-1
spec:
  target:
    service: registry
  action: deny
  rules:
    - from:
        - spiffeId: ${spiffeId}
`;
}
