// A ban on two control planes that share a Redis, with raw streams in the place of proxies: in force at the proxies of both, complete when
// all of them have accepted it, named until then; there after a restart, and for a proxy that comes back. Who may not be banned.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
import { eventually } from '../support/eventually.ts';
import { createRawXdsClient, type DeltaStream, type RawXdsClient } from '../support/raw-xds-client.ts';
import { type Replica, type Replicas, startReplicas } from '../support/replicas.ts';
import { meshText, policyText, serviceText, yaml } from '../support/resolve-text.ts';
import type { TestCertificate } from '../support/test-ca.ts';

const id = (name: string): string => `spiffe://td1/service/${name}`;
const documents = yaml(
  meshText(),
  ...['api', 'web', 'job'].map((name) => serviceText(name)),
  policyText('api', 'api', 'allow', '[{from: [{service: web}, {service: job}]}]'),
);
let replicas: Replicas;
let here: Replica;
let there: Replica;
const clients: RawXdsClient[] = [];

beforeAll(async () => {
  replicas = await startReplicas(documents);
  const [first, second] = replicas.all;
  if (first === undefined || second === undefined) throw new Error('two are needed');
  [here, there] = [first, second];
}, 60_000);

afterAll(async () => {
  for (const client of clients) client.close();
  await replicas?.stop();
});

/** A proxy that has accepted everything so far. `told`: the deny filters that it was sent. */
interface Proxy {
  readonly stream: DeltaStream;
  readonly told: string[];
  /** From now on it answers nothing, or everything again. */
  accepts: boolean;
}

async function proxy(at: Replica, name: string, svid: TestCertificate, instance = 'a'): Promise<Proxy> {
  const client = createRawXdsClient(at.ports.xds, svid);
  clients.push(client);
  const stream = client.delta();
  const made: Proxy = { stream, told: [], accepts: true };
  const claims = { inbound: '127.0.0.1:40001', application: '127.0.0.1:1' };
  const node = { id: `${id(name)}~${instance}`, metadata: { cellwall: claims } };
  stream.send({ typeUrl: typeUrls.cluster, resourceNamesSubscribe: ['*'], node });
  stream.send({ typeUrl: typeUrls.listener, resourceNamesSubscribe: ['*'] });
  stream.send({ typeUrl: typeUrls.extension, resourceNamesSubscribe: [`${name}/authz-deny`, `${name}/authz-allow`] });
  const held: (() => void)[] = [];
  void (async () => {
    for (;;) {
      const { typeUrl, nonce, resources } = await stream.next(600_000);
      for (const { name: of, resource } of resources) {
        if (of.endsWith('authz-deny')) made.told.push(Buffer.from(resource?.value ?? []).toString('latin1'));
      }
      held.push(() => stream.send({ typeUrl, responseNonce: nonce }));
      if (made.accepts) for (const accept of held.splice(0)) accept();
    }
  })().catch(() => undefined);
  let over = '';
  void stream.ended.then(({ details }) => {
    over = `over: ${details}`;
  });
  await eventually('it has its filters, or none', () => (made.told.length > 0 || over !== '' ? true : undefined));
  if (over !== '') throw new Error(over);
  return {
    ...made,
    get accepts() {
      return made.accepts;
    },
    set accepts(now) {
      made.accepts = now;
      if (now) for (const accept of held.splice(0)) accept();
    },
  };
}

const refuses = ({ told }: Proxy): boolean => told.at(-1)?.includes('cellwall/guard/banned') === true;
const settled = async (at: Replica): Promise<void> => {
  await eventually('every proxy refuses', async () =>
    (await at.admin.bans()).waiting.length === 0 ? true : undefined,
  );
};

test('at the proxies of both, until each has accepted it; after a restart; and lifted on the other', {
  timeout: 90_000,
}, async () => {
  const web = await there.enrol(id('web'));
  const api = await proxy(there, 'api', await here.enrol(id('api')));
  const caller = await proxy(there, 'web', web);
  await eventually('both are known here', async () =>
    (await here.admin.proxies()).proxies.filter(({ state }) => state === 'connected').length === 2 ? true : undefined,
  );
  api.accepts = false;
  await here.admin.ban({ identity: 'web', reason: 'trial' });
  expect((await caller.stream.ended).details).toContain('banned');
  await eventually('the proxy of the other is told', () => (refuses(api) ? true : undefined));
  for (const at of [here, there]) {
    expect((await at.admin.bans()).waiting).toEqual([`${id('api')}~a`]);
    expect((await at.admin.status()).bans).toEqual({ count: 1, waiting: [`${id('api')}~a`] });
  }
  api.accepts = true;
  await settled(here);
  await settled(there);
  await expect(proxy(there, 'web', web)).rejects.toThrow();

  await there.end();
  await there.start();
  const again = await proxy(there, 'api', await here.enrol(id('api')), 'b');
  expect(refuses(again)).toBe(true);
  await expect(proxy(there, 'web', web, 'b')).rejects.toThrow();
  expect(await there.admin.unban({ identity: id('web') })).toMatchObject({ lifted: true, ban: { reason: 'trial' } });
  await eventually('it is let in at both', async () => {
    const [one, other] = [await here.admin.bans(), await there.admin.bans()];
    return one.bans.length + other.bans.length === 0 && !refuses(again) ? true : undefined;
  });
  await proxy(here, 'web', web, 'c');
  const records = (await here.admin.audit(50)).records.map(({ event }) => event);
  expect(records).toContainEqual(expect.objectContaining({ kind: 'banned', spiffeId: id('web'), reason: 'trial' }));
});

test('a proxy that is away holds nothing up, and is named until it is back', { timeout: 60_000 }, async () => {
  const svid = await here.enrol(id('job'));
  const away = await proxy(here, 'job', svid);
  away.stream.end();
  const name = `${id('job')}~a`;
  await eventually('its stream has ended', async () =>
    (await here.admin.proxies()).proxies.some(({ node, state }) => node === name && state === 'held')
      ? true
      : undefined,
  );
  await here.admin.ban({ identity: 'web' });
  expect((await here.admin.bans()).waiting).toContain(name);
  const back = await proxy(here, 'job', svid);
  expect(refuses(back)).toBe(true);
  await eventually('it is not waited for', async () =>
    (await here.admin.bans()).waiting.includes(name) ? undefined : true,
  );
  await here.admin.unban({ identity: 'web' });
});

test.each([
  [{ identity: 'spiffe://td1/cellwall/server' }, 'failed_precondition'],
  [{ identity: 'spiffe://td2/service/web' }, 'invalid_argument'],
  [{ identity: 'nobody' }, 'not_found'],
  [{ serial: 'abcdef' }, 'not_found'],
  [{ node: '0123456789abcdef' }, 'not_found'],
  [{}, 'invalid_argument'],
  [{ identity: 'web', node: '0123456789abcdef' }, 'invalid_argument'],
])('who cannot be banned: %j', async (body, code) => {
  await expect(here.admin.ban(body)).rejects.toMatchObject({ code });
  expect((await here.admin.bans()).bans).toEqual([]);
});

test('unbanned by the name of its proxy, on any of them and after a restart, also if another host has that name now', {
  timeout: 60_000,
}, async () => {
  const name = `${id('web')}~named`;
  const svid = await here.enrol(id('web'));
  const first = await proxy(here, 'web', svid, 'named');
  await eventually('it is known there', async () =>
    (await there.admin.proxies()).proxies.some(({ node }) => node === name) ? true : undefined,
  );
  const { ban } = await there.admin.ban({ node: name });
  expect(ban.proxies).toEqual([name]);
  await first.stream.ended;
  await eventually('it is banned here', async () => ((await here.admin.bans()).bans.length === 1 ? true : undefined));
  // The same order again, by a name that no proxy has any more.
  expect((await here.admin.ban({ node: name })).ban.target).toEqual(ban.target);
  const second = await proxy(here, 'web', await here.enrol(id('web')), 'named');
  await there.end();
  await there.start();
  expect(await there.admin.unban({ node: name })).toMatchObject({ lifted: true, ban: { target: ban.target } });
  expect(await here.admin.unban({ node: name })).toMatchObject({ lifted: false });
  second.stream.end();
});

test('the host of a certificate, by its serial, whatever it is called now; an operator, but not himself', async () => {
  await here.enrol(id('web'));
  const { certificates } = await here.admin.certificates();
  const own = certificates.find(({ spiffeId, purpose }) => spiffeId === id('web') && purpose === 'svid-fetched');
  const { ban } = await here.admin.ban({ serial: own?.serial ?? '' });
  expect(ban).toMatchObject({ target: { kind: 'host' }, spiffeId: id('web') });
  expect(await here.admin.unban({ serial: own?.serial ?? '' })).toMatchObject({ lifted: true });
  const operator = 'spiffe://td1/cellwall/operator/admin/ann';
  await here.admin.ban({ identity: operator });
  await expect(here.enrol(operator)).rejects.toMatchObject({ code: 'permission_denied' });
  await here.admin.unban({ identity: operator });
});
