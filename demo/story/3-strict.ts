// (3) Strict: one change of the Mesh, and who has no identity of the mesh is refused in the handshake.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { render } from '../house/documents.ts';
import { until } from '../house/until.ts';
import { describe, type Outcome } from '../wire/outcome.ts';
import { callByOldTls, callWithoutIdentity, wordsFor } from './1-permissive.ts';
import { callEveryDependency } from './2-every-caller.ts';
import { callThroughEdge } from './edge-call.ts';
import { must, type Step } from './step.ts';

export const strict: Step = {
  name: 'strict',
  title: '3  strict: the same three are refused',
  withinMs: 20_000,
  async run(world, tell) {
    const folder = join(world.folder, 'strict');
    mkdirSync(folder, { recursive: true });
    for (const { name, documents } of world.documents.files) writeFileSync(join(folder, name), render(documents));
    await world.cellwall.expect('delete', ...world.migrationPolicies, '--confirm', 'mass-deletion');
    tell.held('cellwall delete: nothing allows anonymous callers', `${world.migrationPolicies.length} policies gone`);
    // Step 2 moved the last plaintext caller: the gate wants to have seen none for a second.
    const applied = await until(() => world.cellwall.expect('apply', '-f', folder, '--since', '1s'), {
      what: 'the gate grants it',
      withinMs: 10_000,
      everyMs: 100,
    });
    tell.held('cellwall apply -f examples/cells', applied.trim().split('\n').join(' '));
    const outcomes = await until(
      async () => {
        const now = await callWithoutIdentity(world);
        const letIn = Object.entries(now).filter(([, outcome]) => !isRefused(outcome));
        if (letIn.length === 0) return now;
        throw new Error(letIn.map(([kind, outcome]) => `${kind}: ${describe(outcome)}`).join('; '));
      },
      { what: 'plaintext, one-way TLS and the legacy CA are refused', withinMs: 10_000 },
    );
    for (const [kind, outcome] of Object.entries(outcomes))
      tell.held(wordsFor[kind as keyof typeof wordsFor], describe(outcome));
    const old = await callByOldTls(world);
    must(old.kind === 'failed', `TLS 1.2 to a strict service: ${describe(old)}`);
    tell.held('TLS 1.2', describe(old));
    const calls = await callEveryDependency(world);
    must(calls > 0, 'nobody declares anything');
    tell.held('every declared call still works', `${calls} calls over mTLS`);
    const edge = await until(
      async () => {
        const { outcome } = await callThroughEdge(world);
        if (outcome.kind === 'ok' && outcome.caller.peerId === world.edge.spiffeId) return outcome;
        throw new Error(describe(outcome));
      },
      { what: 'the edge serves', withinMs: 10_000 },
    );
    tell.held('a load balancer with its own listeners, its secrets by SDS alone', describe(edge));
    return { refused: Object.keys(outcomes).length, allowed: calls };
  },
};

/** In the handshake; or, in plaintext, by the one chain that stays: it answers the service's health path, and nothing else. */
function isRefused(outcome: Outcome): boolean {
  if (outcome.kind === 'failed') return true;
  return outcome.kind === 'refused' && outcome.code === 403 && outcome.details === 'a client certificate is required';
}
