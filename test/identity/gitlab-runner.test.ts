// The attestor of jobs that a runner vouches for: what both must say, and what a runner that lies gets.
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Attestor } from '../../src/identity/attestor/attestor.ts';
import { createGitlabIdTokenAttestor } from '../../src/identity/attestor/gitlab-id-token.ts';
import { createGitlabRunnerAttestor } from '../../src/identity/attestor/gitlab-runner.ts';
import { vouchMessage } from '../../src/identity/x509/pop-message.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { SpiffeId } from '../../src/model/spiffe-id.ts';
import { type GitlabStandIn, startGitlab } from '../support/gitlab-stand-in.ts';
import { createIdentityHarness, domainOf, type IdentityHarness, idOf } from '../support/identity-harness.ts';
import { createMemoryTable } from '../support/memory-table.ts';
import { testBundle } from '../support/test-bundle.ts';
import { attestorContract } from './attestor-contract.ts';

const host = 'b'.repeat(64);
const runner = idOf('spiffe://td1/runner/5');
let gitlab: GitlabStandIn;
let harness: IdentityHarness;
let stranger: IdentityHarness;
/** Who was thrown out. */
let banned: Set<SpiffeId>;
beforeAll(async () => {
  [gitlab, harness, stranger] = await Promise.all([
    startGitlab(),
    createIdentityHarness(),
    createIdentityHarness({ trustDomain: 'td1' }),
  ]);
});
beforeEach(() => {
  banned = new Set();
});
afterAll(async () => {
  await Promise.all([gitlab.close(), harness.close(), stranger.close()]);
});

function create(tokens = createMemoryTable()): { readonly runners: Attestor; readonly jobs: Attestor } {
  const { issuer, caFile } = gitlab;
  const deps = {
    ...{ tokens, nodes: harness.nodes, bundle: harness.bundle, log: silentLog },
    clock: { now: Date.now, monotonic: () => performance.now(), after: () => () => {} },
    options: { 'gitlab-id-token': { instances: [{ name: 'gitlab.example', issuer, caFile, audience: 'cellwall' }] } },
    vouching: {
      trustDomain: domainOf('td1'),
      check({ spiffeId }: { readonly spiffeId: SpiffeId }) {
        if (banned.has(spiffeId)) throw new CellwallError('permission_denied', `${spiffeId} is banned`);
      },
    },
  };
  const [runners, jobs] = [createGitlabRunnerAttestor(deps), createGitlabIdTokenAttestor(deps)];
  if (runners === undefined || jobs === undefined) throw new Error('it is not configured');
  return { runners, jobs };
}

interface Runner {
  readonly chain: string;
  readonly key: KeyObject;
}
async function svidOf(spiffeId: SpiffeId, of = harness, nodeKey: string | undefined = host): Promise<Runner> {
  const { publicKey, privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { chain } = await of.issuer.issue(spiffeId, { publicKey, ...(nodeKey !== '' && { nodeKey }) });
  return { chain, key };
}
function vouch({ chain, key }: Runner, nodeKey: string, token = gitlab.idToken()) {
  return { token, chain, signature: sign('sha256', vouchMessage(nodeKey, token), key).toString('base64url') };
}

attestorContract('gitlab-runner', async () => {
  const own = await svidOf(runner);
  const other = await svidOf(runner, stranger);
  return {
    attestor: create().runners,
    prove: async (nodeKey) => vouch(own, nodeKey),
    forged: [vouch(other, 'stranger'), vouch({ chain: own.chain, key: other.key }, 'stranger')],
  };
});

it('proves what GitLab says of the job, and which runner on which host vouches for it; it ends with the token', async () => {
  const token = gitlab.idToken({ timeoutSeconds: 600 });
  const { attestor, values, notAfter } = await create().runners.attest(vouch(await svidOf(runner), 'a', token), {
    nodeKey: 'a',
  });
  expect({ attestor, values }).toMatchObject({
    attestor: 'gitlab-runner',
    values: { project_id: '42', ref: 'main', runner_id: '5', runner, runner_host: host },
  });
  expect(notAfter).toBeLessThanOrEqual(Date.now() + 600_000);
});

it('a runner that lies proves nothing, and uses no token up', async () => {
  const own = await svidOf(runner);
  const { runners, jobs } = create();
  const [token, another] = [gitlab.idToken(), gitlab.idToken()];
  const evidence = vouch(own, 'a', token);
  const flipped = Buffer.from(evidence.signature, 'base64url');
  flipped[10] = (flipped[10] ?? 0) ^ 1;
  const unbound = await svidOf(runner, harness, '');
  const hash = createHash('sha256').update(token).digest('hex');
  const lies: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    'a vouching for another job': { ...evidence, token: another },
    'one for another key': vouch(own, 'b', token),
    'one of another attestor': {
      ...evidence,
      signature: sign('sha256', Buffer.from(`cellwall x509-pop v1\na`), own.key).toString('base64url'),
    },
    'one with the parts moved': {
      ...evidence,
      signature: sign('sha256', Buffer.from(`cellwall gitlab-runner v1\na${hash}`), own.key).toString('base64url'),
    },
    'a changed signature': { ...evidence, signature: flipped.toString('base64url') },
    'no signature': { ...evidence, signature: '' },
    'odd bytes': { ...evidence, signature: '\u0000\uffff', chain: `${own.chain}\u0000` },
    'the key of somebody else': vouch({ chain: own.chain, key: unbound.key }, 'a', token),
    'an SVID that is bound to no host': vouch(unbound, 'a', token),
    'a chain of strangers': vouch(await svidOf(runner, stranger), 'a', token),
    'a CA in place of an SVID': { ...evidence, chain: harness.roots() },
    'a chain without an end': { ...evidence, chain: own.chain.repeat(50) },
    'a token with a dot more': { ...evidence, token: `${token}.` },
  };
  for (const [what, lie] of Object.entries(lies)) {
    await expect(runners.attest(lie, { nodeKey: 'a' }), what).rejects.toMatchObject({ code: 'unauthenticated' });
  }
  banned.add(runner);
  await expect(runners.attest(evidence, { nodeKey: 'a' })).rejects.toMatchObject({
    code: 'unauthenticated',
    message: expect.stringContaining('banned'),
  });
  banned.clear();
  // Neither token is used up by what proved nothing.
  expect((await runners.attest(evidence, { nodeKey: 'a' })).values['runner']).toBe(runner);
  expect((await jobs.attest({ token: another }, { nodeKey: 'c' })).attestor).toBe('gitlab-id-token');
});

it('a token is used once, by the job itself or for it, whichever is first, and a vouching cannot be replayed', async () => {
  const own = await svidOf(runner);
  const tokens = createMemoryTable();
  const { runners, jobs } = create(tokens);
  const [first, second] = [gitlab.idToken(), gitlab.idToken()];
  await runners.attest(vouch(own, 'a', first), { nodeKey: 'a' });
  // By a second runner of that name, on another host, for a key of its own; and by the job.
  const twin = await svidOf(runner, harness, 'c'.repeat(64));
  const replica = create(tokens);
  for (const attempt of [
    () => replica.runners.attest(vouch(twin, 'b', first), { nodeKey: 'b' }),
    () => replica.jobs.attest({ token: first }, { nodeKey: 'b' }),
    () => runners.attest(vouch(own, 'a', first), { nodeKey: 'b' }),
  ]) {
    await expect(attempt()).rejects.toMatchObject({ code: 'unauthenticated' });
  }
  await jobs.attest({ token: second }, { nodeKey: 'd' });
  await expect(runners.attest(vouch(own, 'a', second), { nodeKey: 'a' })).rejects.toMatchObject({
    code: 'unauthenticated',
  });
  // Of two at once one has it.
  const third = gitlab.idToken();
  const both = await Promise.allSettled([
    runners.attest(vouch(own, 'x', third), { nodeKey: 'x' }),
    replica.runners.attest(vouch(twin, 'y', third), { nodeKey: 'y' }),
  ]);
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
});

it('nobody vouches where roots are gone, or nobody may', async () => {
  const own = await svidOf(runner);
  const { runners } = create();
  const before = harness.bundle.value();
  harness.bundle.set(await testBundle(1, before.sequence + 1));
  try {
    await expect(runners.attest(vouch(own, 'a'), { nodeKey: 'a' })).rejects.toMatchObject({ code: 'unauthenticated' });
  } finally {
    harness.bundle.set(before);
  }
  expect((await runners.attest(vouch(own, 'a'), { nodeKey: 'a' })).values['runner_host']).toBe(host);
});
