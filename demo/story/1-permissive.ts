// (1) Permissive: callers that have not moved yet are let in, as anonymous ones, and told apart.
import { untilTrue } from '../house/until.ts';
import { legacyPort, type World } from '../house/world.ts';
import { describe, type Outcome } from '../wire/outcome.ts';
import { applicationCall } from './application-call.ts';
import { callDirectly } from './direct-call.ts';
import { must, type Step } from './step.ts';
import { type CallerClass, readTraffic } from './traffic.ts';

/** In words. */
export const wordsFor: Readonly<Record<Exclude<CallerClass, 'mtls'>, string>> = {
  plaintext: 'plaintext',
  'one-way-tls': 'TLS without a client certificate',
  legacy: 'a certificate of the legacy CA',
};

export const permissive: Step = {
  name: 'permissive',
  title: '1  permissive: who has not moved yet is let in, as anonymous, and counted',
  withinMs: 15_000,
  async run(world, tell) {
    const before = await readTraffic(world);
    const outcomes = await callWithoutIdentity(world);
    for (const [kind, outcome] of Object.entries(outcomes)) {
      must(outcome.kind === 'ok', `${kind} to ${legacyPort} under permissive: ${describe(outcome)}`);
      const { peerId } = outcome.caller;
      must(peerId === undefined, `${kind} is anonymous, but the application was told of ${peerId}`);
      tell.held(wordsFor[kind as keyof typeof wordsFor], describe(outcome));
    }
    const old = await callByOldTls(world);
    must(old.kind === 'ok', `TLS 1.2 to ${legacyPort} under permissive: ${describe(old)}`);
    tell.held('TLS 1.2', describe(old));
    const forged = await callDirectly(world, legacyPort, {
      ca: world.clients.httpRouter.material().ca,
      ...(await world.legacy.issue({ type: 'url', value: world.spiffeId('cell-1/gitlab') })),
    });
    must(forged.kind === 'failed', `the legacy CA vouched for cell-1/gitlab: ${describe(forged)}`);
    tell.held("the legacy CA with cell-1/gitlab's SPIFFE ID", 'refused in the handshake');
    // One of TLS without a certificate by TLS 1.3, one by TLS 1.2: proxies tell of them when they like.
    const made = { plaintext: 1, 'one-way-tls': 2, legacy: 1 };
    const counted: Record<string, number> = {};
    await untilTrue(
      async () => {
        const now = await readTraffic(world);
        for (const kind of Object.keys(wordsFor) as (keyof typeof wordsFor)[]) {
          counted[kind] = now.count(kind, legacyPort) - before.count(kind, legacyPort);
        }
        return Object.entries(made).every(([kind, count]) => (counted[kind] ?? 0) >= count);
      },
      { what: 'status tells plaintext, one-way TLS and legacy certificates apart', withinMs: 5000 },
    );
    tell.held(
      'status tells them apart',
      Object.entries(counted)
        .map(([kind, count]) => `${kind} ${count}`)
        .join(', '),
    );
    return { ...counted };
  },
};

/** The three ways to come without an identity of the mesh. */
export async function callWithoutIdentity(
  world: World,
): Promise<Readonly<Record<Exclude<CallerClass, 'mtls'>, Outcome>>> {
  const { ca } = world.clients.httpRouter.material();
  const legacy = await world.legacy.issue({ type: 'dns', value: 'load-balancer-7.gitlab.test' });
  return {
    plaintext: await world.standIns.call(applicationCall(legacyPort, world.inbound(legacyPort))),
    'one-way-tls': await callDirectly(world, legacyPort, { ca }),
    legacy: await callDirectly(world, legacyPort, { ca, ...legacy }),
  };
}

/** A client that knows no TLS 1.3: it works for as long as the service is permissive. */
export function callByOldTls(world: World): Promise<Outcome> {
  const { ca } = world.clients.httpRouter.material();
  return callDirectly(world, legacyPort, { ca, version: 'TLSv1.2' });
}
