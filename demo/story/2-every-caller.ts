// (2) Every declared caller moves from plaintext to mTLS: its configuration now names its own sidecar, nothing else changes.
import { untilTrue } from '../house/until.ts';
import { legacyPort, type World } from '../house/world.ts';
import { describe } from '../wire/outcome.ts';
import { applicationCall, isTcp, protocolOf } from './application-call.ts';
import { callDirectly } from './direct-call.ts';
import { must, type Step } from './step.ts';
import type { Tell } from './tell.ts';
import { readTraffic } from './traffic.ts';

export const everyCaller: Step = {
  name: 'every-caller-moves',
  title: '2  every declared caller moves to mTLS, by the port that it calls',
  withinMs: 20_000,
  async run(world, tell) {
    const { dependencies } = world.documents;
    const start = await readTraffic(world);
    for (const { caller, target } of dependencies) {
      const outcome = await world.standIns.call(applicationCall(target, world.inbound(target)));
      must(outcome.kind === 'ok', `${caller} to ${target} in plaintext: ${describe(outcome)}`);
    }
    await untilTrue(
      async () => (await readTraffic(world)).count('plaintext') >= start.count('plaintext') + dependencies.length,
      { what: 'status counts the plaintext calls', withinMs: 5000 },
    );
    const plaintext = (await readTraffic(world)).count('plaintext');
    tell.held('before: straight to the service, in plaintext', `${dependencies.length} calls, all anonymous`);
    await callEveryDependency(world, tell);
    const router = await callDirectly(world, legacyPort, world.clients.httpRouter.material());
    must(router.kind === 'ok', `http-router over REST: ${describe(router)}`);
    tell.held(`http-router → ${legacyPort} (HTTP/1.1)`, describe(router));
    const edges = [
      ...dependencies.map(({ caller, target }) => ({ principal: world.spiffeId(caller), target })),
      { principal: world.clients.httpRouter.spiffeId, target: legacyPort },
    ];
    await untilTrue(
      async () => {
        const now = await readTraffic(world);
        return edges.every(({ principal, target }) => now.countOf(principal, target) > 0);
      },
      { what: 'status shows every caller over mTLS', withinMs: 5000 },
    );
    const after = await readTraffic(world);
    must(after.count('plaintext') === plaintext, 'somebody still calls in plaintext');
    const mtls = after.count('mtls') - start.count('mtls');
    tell.held('status: plaintext has stopped', `plaintext +0, mtls +${mtls}, ${edges.length} callers by name`);
    const recorded = Object.fromEntries(
      [...Map.groupBy(edges, ({ target }) => target)].map(([target, own]) => [target, own.length]),
    );
    return { callers: edges.length, plaintextBefore: dependencies.length, plaintextAfter: 0, mtls, recorded };
  },
};

/** Every application calls everything it declares, through its own sidecar; each is told who called. */
export async function callEveryDependency(world: World, tell?: Tell): Promise<number> {
  for (const { caller, target } of world.documents.dependencies) {
    const call = applicationCall(target, world.outbound(caller, target));
    const outcome = await world.standIns.call(call);
    const edge = `${caller} → ${target} (${protocolOf(call)})`;
    must(outcome.kind === 'ok', `${edge}: ${describe(outcome)}`);
    // TCP has no header to tell the application in.
    const told = isTcp(target) || outcome.caller.peerId === world.spiffeId(caller);
    must(told, `${edge}: ${describe(outcome)}`);
    tell?.held(
      edge,
      call.kind === 'valkey' ? `answered ${String(outcome.body)}` : isTcp(target) ? 'answered' : describe(outcome),
    );
  }
  return world.documents.dependencies.length;
}
