// (5) An urgent deny refuses the next request on an open HTTP/2 connection: from the server's acceptance of the write to the
// first refusal, probed every millisecond, again and again on the same connection.
import type { ClientHttp2Session } from 'node:http2';
import { until } from '../house/until.ts';
import type { World } from '../house/world.ts';
import { openHttp2, requestHttp2 } from '../wire/http2.ts';
import { connectTls, secureContext } from '../wire/tls.ts';
import { must, type Step } from './step.ts';

const boundMs = 50;
const target = 'cell-1/registry';
const policy = 'AuthorizationPolicy/cell-1/stop-gitlab';

export const urgentDeny: Step = {
  name: 'urgent-deny',
  title: '5  an urgent deny refuses the next request on an open connection',
  withinMs: 25_000,
  async run(world, tell) {
    const caller = world.clients.cell1Gitlab;
    const { socket } = await connectTls({
      address: world.inbound(target),
      expect: world.spiffeId(target),
      context: secureContext(caller.material()),
      alpn: ['h2'],
    });
    const localPort = socket.localPort;
    const session = openHttp2({ socket });
    const rounds = world.quick ? 5 : 21;
    const samples: number[] = [];
    try {
      for (let round = 0; round < rounds; round += 1) samples.push(await denyOnce(world, session));
      must(!session.closed && !session.destroyed && socket.localPort === localPort, 'the connection did not stay open');
    } finally {
      session.destroy();
    }
    const sorted = samples.toSorted((a, b) => a - b);
    const medianMs = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
    const [minMs = 0, maxMs = 0] = [sorted[0], sorted.at(-1)];
    must(medianMs < boundMs, `median ${medianMs} ms, ${boundMs} ms allowed`);
    tell.held(
      'cellwall apply --urgent, to the first refusal',
      `median ${medianMs} ms of ${rounds} (${minMs} to ${maxMs} ms)`,
    );
    tell.held('all on one HTTP/2 connection', `port ${localPort} from the first request to the last`);
    return { rounds, medianMs, minMs, maxMs, samplesMs: samples };
  },
};

/** Milliseconds from acceptance to the first refusal; the deny is taken back before it answers. */
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
