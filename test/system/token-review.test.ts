// Pods of a real API server of Kubernetes (kube-apiserver/main.go) prove themselves: by its word (TokenReview), and by its keys. In
// qualifications alone.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Attestor } from '../../src/identity/attestor/attestor.ts';
import { createKubernetesAttestor } from '../../src/identity/attestor/kubernetes.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import type { Log } from '../../src/lib/log.ts';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import { createWatched } from '../../src/lib/watchable.ts';
import { attestorContract } from '../identity/attestor-contract.ts';
import { builtByGo } from '../support/built-by-go.ts';
import { eventually } from '../support/eventually.ts';
import { heardLog } from '../support/heard-log.ts';
import { type KubeApiServer, startKubeApiServer } from '../support/kube-api-server.ts';
import { createMemoryTable } from '../support/memory-table.ts';
import { testBundle } from '../support/test-bundle.ts';
import { createTestCa } from '../support/test-ca.ts';

const folder = temporaryFolder('kubernetes');
const path = (name: string): string => join(folder, name);
const audience = 'cellwall';
const bundle = createWatched(await testBundle());
const heard: string[] = [];
const log: Log = heardLog({ warn: (fields, message) => void heard.push(`${message} ${JSON.stringify(fields)}`) });
const named = z.looseObject({ metadata: z.looseObject({ name: z.string(), uid: z.string() }) });
const pods = '/api/v1/namespaces/web/pods';
let cluster: KubeApiServer;
let number = 0;

beforeAll(async () => {
  const program = await builtByGo({
    ...{ name: 'kube-apiserver', release: 'kube-apiserver-1.37.2', main: '.' },
    folder: join(import.meta.dirname, 'kube-apiserver'),
    progress: (line) => process.stderr.write(`${line}\n`),
  });
  cluster = await startKubeApiServer(program, folder);
  const account = (namespace: string, name: string) =>
    cluster.call('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name } });
  for (const name of ['web', 'mesh']) await cluster.call('POST', '/api/v1/namespaces', { metadata: { name } });
  await account('web', 'api');
  await account('mesh', 'cellwall');
  await account('mesh', 'nobody');
  await cluster.call('POST', '/api/v1/nodes', { metadata: { name: 'node-1' } });
  // As docs/identities.md has it.
  const bind = (name: string, role: string, subject: object) =>
    cluster.call('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
      ...{ metadata: { name }, subjects: [subject] },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    });
  await bind('cellwall', 'system:auth-delegator', { kind: 'ServiceAccount', namespace: 'mesh', name: 'cellwall' });
  await bind('keys', 'system:service-account-issuer-discovery', {
    ...{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:unauthenticated' },
  });
  for (const name of ['cellwall', 'nobody']) {
    const token = await cluster.token({ namespace: 'mesh', account: name, audience: cluster.issuer });
    writeFileSync(path(`${name}.token`), `${token}\n`, { mode: 0o600 });
  }
  writeFileSync(path('another.pem'), (await createTestCa('another')).root);
}, 3_700_000);
afterAll(async () => {
  await cluster?.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Pod {
  readonly name: string;
  readonly uid: string;
  token(audience?: string): Promise<string>;
  end(): Promise<void>;
}
async function makePod(): Promise<Pod> {
  number += 1;
  const made = named.parse(
    await cluster.call('POST', pods, {
      metadata: { name: `api-${number}` },
      spec: {
        ...{ serviceAccountName: 'api', automountServiceAccountToken: false, nodeName: 'node-1' },
        containers: [{ name: 'api', image: 'api' }],
      },
    }),
  );
  const { name, uid } = made.metadata;
  return {
    ...{ name, uid },
    token: (other = audience) =>
      cluster.token({ namespace: 'web', account: 'api', audience: other, pod: { name, uid } }),
    end: async () => void (await cluster.call('DELETE', `${pods}/${name}?gracePeriodSeconds=0`)),
  };
}

function create(by: 'review' | 'keys', over: Record<string, string> = {}): Attestor {
  const { url, caFile, issuer } = cluster;
  const source =
    by === 'review'
      ? { review: { url, caFile, tokenFile: path('cellwall.token'), ...over } }
      : { keys: { url: `${url}/openid/v1/jwks`, caFile } };
  const made = createKubernetesAttestor({
    ...{ tokens: createMemoryTable(), nodes: { find: async () => undefined }, clock: systemClock, bundle, log },
    options: { kubernetes: { clusters: [{ name: 'prod', issuer, audience, ...source }] } },
  });
  if (made === undefined) throw new Error('it is not configured');
  return made;
}
const failureOf = async (attestor: Attestor, token: string): Promise<CellwallError> =>
  CellwallError.from(
    await attestor.attest({ token }, { nodeKey: 'a' }).then(
      () => new Error('it was believed'),
      (reason: unknown) => reason,
    ),
  );
/** Another signature, of as many letters. */
const forged = (token: string): string => token.replace(/\.[^.]{8}([^.]*)$/, '.AAAAAAAA$1');

describe.each(['review', 'keys'] as const)('by its %s', (by) => {
  attestorContract(`kubernetes, a real API server, by its ${by}`, async () => {
    const pod = await makePod();
    return {
      attestor: create(by),
      prove: async () => ({ token: await pod.token() }),
      forged: [{ token: forged(await pod.token()) }],
    };
  });

  test('a pod proves where it is', async () => {
    const pod = await makePod();
    expect(await create(by).attest({ token: await pod.token() }, { nodeKey: 'a' })).toEqual({
      attestor: 'kubernetes',
      values: { cluster: 'prod', namespace: 'web', service_account: 'api', pod: pod.name, node: 'node-1' },
    });
  });

  test('an account without a pod proves no pod', async () => {
    const token = await cluster.token({ namespace: 'web', account: 'api', audience });
    const { values } = await create(by).attest({ token }, { nodeKey: 'a' });
    expect(values).toEqual({ cluster: 'prod', namespace: 'web', service_account: 'api' });
  });

  test('a token for the API server itself, or for another program, proves nothing', async () => {
    const pod = await makePod();
    for (const other of [cluster.issuer, 'vault']) {
      expect(await failureOf(create(by), await pod.token(other))).toMatchObject({ code: 'unauthenticated' });
    }
  });
});

test('the token of a pod that is gone proves nothing by its review; by its keys it still does', async () => {
  const pod = await makePod();
  const token = await pod.token();
  await pod.end();
  const review = create('review');
  await eventually('it is known as gone', async () =>
    (await failureOf(review, token)).code === 'unauthenticated' ? true : undefined,
  );
  expect((await create('keys').attest({ token }, { nodeKey: 'a' })).values['pod']).toBe(pod.name);
});

describe('its API server cannot be asked', () => {
  test.each<[string, Record<string, string>]>([
    ['by an account without the right', { tokenFile: path('nobody.token') }],
    ['with another certificate', { caFile: path('another.pem') }],
  ])('%s: refused for now', async (_, over) => {
    heard.length = 0;
    const token = await (await makePod()).token();
    expect(await failureOf(create('review', over), token)).toMatchObject({ code: 'unavailable' });
    expect(heard.join()).toContain('cannot be asked');
    expect(heard.join()).not.toContain(token);
  });

  test('while it hangs, and can again', { timeout: 60_000 }, async () => {
    const [attestor, token] = [create('review'), await (await makePod()).token()];
    cluster.signal('SIGSTOP');
    try {
      expect(await failureOf(attestor, token)).toMatchObject({ code: 'unavailable' });
    } finally {
      cluster.signal('SIGCONT');
    }
    const proved = await eventually(
      'it answers again',
      () => attestor.attest({ token }, { nodeKey: 'a' }).catch(() => undefined),
      30_000,
    );
    expect(proved.values).toMatchObject({ namespace: 'web' });
  });
});
