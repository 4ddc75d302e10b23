// The root of the CA is replaced in a world of processes: control plane, sidecars, Envoys, a load balancer. Under load no call fails;
// whoever is paused holds it up and is named; a control plane that is killed goes on; what has only the old root is refused, resumed
// sessions too.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readRootsRecord } from '../../../src/identity/roots/roots-note.ts';
import type { RotationPhase } from '../../../src/identity/roots/roots-record.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { Redacted } from '../../../src/lib/redacted.ts';
import { fetchSvid } from '../../../src/sidecar/svid/svid-fetch.ts';
import { eventually } from '../../support/eventually.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { startFileClient } from '../../support/file-client.ts';
import { killInPhase } from '../../support/kill-in-phase.ts';
import { keepLoad, protocolLoad, protocols } from '../../support/protocol-load.ts';
import { callEdge, type RecoveryWorld, startRecoveryWorld } from '../../support/recovery-world.ts';
import { policyText, workloadText, yaml } from '../../support/resolve-text.ts';
import { pausable, rotated, toldWhy } from '../../support/root-rotations.ts';
import { type TlsTry, tlsTry } from '../../support/tls-try.ts';

const lifetimeMs = qualifying ? 40_000 : 20_000;
const inFull = { protocols, replicas: 2, edge: true };
const inShort = { protocols: ['http1', 'tcp'], replicas: 1, edge: false } as const;
const form = qualifying ? inFull : inShort;
const waitMs = qualifying ? 120_000 : 40_000;
const old = 'spiffe://td1/old';
const paused = 'spiffe://td1/paused';

let world: RecoveryWorld;
beforeAll(async () => {
  world = await startRecoveryWorld({ ...form, lifetimeMs });
}, 120_000);
afterAll(() => world.close(), 60_000);

const filesOf = (dir: string): { readonly cert: string; readonly key: string } => ({
  cert: readFileSync(join(dir, 'svid.pem'), 'utf8'),
  key: readFileSync(join(dir, 'key.pem'), 'utf8'),
});

const failures = ({ calls, controls }: RecoveryWorld): ReadonlyMap<string, number> =>
  new Map([...calls, ...controls].map(([what, call]) => [what, call.failed()]));

it('is replaced under load, and no call fails', async () => {
  const { serve, outbound, edges, allFine } = world;
  await allFine(60_000);
  const enough = qualifying ? 20_000 : 50;
  // Without a rotation, the same.
  for (const isRotating of qualifying ? [false, true] : [true]) {
    const failed = failures(world);
    const loads = [
      ...[...outbound].map(([protocol, port]) => [protocol, protocolLoad(protocol, port)] as const),
      ...edges.map(
        (edge) => [edge.node.replace(/.*~/, ''), keepLoad([() => callEdge(edge), () => callEdge(edge)])] as const,
      ),
    ];
    let rotations = 0;
    const isEnough = (): boolean => loads.every(([, load]) => load.fine() >= enough);
    while (isRotating ? rotations === 0 || !isEnough() : !loads.every(([, load]) => load.fine() >= enough / 10)) {
      if (isRotating) {
        const before = await serve.admin.ca();
        await serve.admin.rotateRoot({ quiet: '1s', reason: 'yearly' });
        const after = await rotated(serve, before.last, waitMs);
        expect(after.last).toMatchObject({ outcome: 'rotated', cut: [] });
        expect(after.roots.map(({ name }) => name)).not.toContain(before.roots[0]?.name);
        expect(after.intermediate.root).toBe(after.roots[0]?.name);
        rotations += 1;
      } else await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    const ends = await Promise.all(loads.map(async ([protocol, load]) => [protocol, await load.end()] as const));
    for (const [protocol, end] of ends) {
      expect([protocol, end.failed]).toEqual([protocol, []]);
      figure(`${isRotating ? 'rotating' : 'control'} ${protocol} requests`, end.fine);
      figure(`${isRotating ? 'rotating' : 'control'} ${protocol} failed`, end.failed.length);
    }
    expect(failures(world)).toEqual(failed);
    if (isRotating) figure('rotations', rotations);
  }
}, 1_200_000);

it('waits for a client that does not renew, by name; then what has only the old root is refused, resumed sessions too', async () => {
  const { serve, inbound, allFine } = world;
  await allFine(60_000);
  // A client with files, which are good for much longer than the rotation takes.
  // Everybody may call the permissive service already.
  const everywhere = ['multi', ...(form.edge ? ['api'] : [])];
  const documents = [
    workloadText('old', `{identity: {spiffeId: "${old}"}, lifetime: 30m}`),
    ...everywhere.map((name) => policyText(`cell-1/old-${name}`, name, 'allow', `[{from: [{spiffeId: "${old}"}]}]`)),
  ];
  const answer = await serve.admin.apply({ text: yaml(...documents) });
  expect(answer.kind).toBe('applied');
  const dir = join(serve.folder, 'old');
  const fetching = { identity: `127.0.0.1:${serve.ports.identity}`, dir, log: silentLog };
  const renew = () => fetchSvid(fetching);
  const { token } = await serve.admin.createToken({ spiffeId: old });
  await fetchSvid({ ...fetching, token: new Redacted(token) });
  const kept = filesOf(dir);

  const doors = [
    ...[...inbound].filter(([what]) => !what.startsWith('tcp')),
    ['identity API', serve.ports.identity] as const,
  ];
  const knock = (own: ReturnType<typeof filesOf>, port: number, session?: Buffer): Promise<TlsTry> => {
    const http2 = [...inbound].some(([what, at]) => at === port && /^(grpc|http2)/.test(what));
    const ask = port === serve.ports.identity ? { ask: 'GET /v1/bundle/next?after=0 HTTP/1.1\r\nhost: t\r\n\r\n' } : {};
    const preface = {
      alpn: 'h2',
      ask: Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00', 'latin1'),
    };
    return tlsTry({ port, ...own, session, ...(http2 ? preface : ask) });
  };
  const sessions = new Map<string, Buffer | undefined>();
  for (const [what, port] of doors) {
    const first = await knock(kept, port);
    expect([what, first.taken]).toEqual([what, true]);
    sessions.set(what, first.session);
  }

  // From here on it does not read its files again; and it is the only one that holds anything up.
  const { last } = await serve.admin.ca();
  await serve.admin.rotateRoot({ quiet: '1s' });
  await eventually(
    'it is held up by the client alone, that does not know of the new root',
    async () => {
      const { rotation } = await serve.admin.ca();
      const who = (rotation?.holdUps ?? []).map((one) => one.who);
      return rotation?.phase === 'publish' && who.length === 1 && who[0]?.startsWith(old) === true ? true : undefined;
    },
    waitMs,
  ).catch(toldWhy(serve));
  await renew();
  const inUse = await eventually(
    'only the client is left',
    async () => {
      const { rotation } = await serve.admin.ca();
      const who = (rotation?.holdUps ?? []).map((one) => one.who);
      return rotation?.phase === 'renew' && who.length === 1 && who[0]?.startsWith(old) ? rotation : undefined;
    },
    waitMs,
  ).catch(toldWhy(serve));
  expect(inUse.holdUps[0]?.why).toMatch(/under the old root; serial [0-9a-f]+, ends/);
  // With the certificate that it fetched before, as a program does that did not read its files again: the logs of proxies tell.
  await renew();
  if (qualifying) {
    const seen = await eventually(
      'it is seen with the old certificate',
      async () => {
        await knock(kept, inbound.get('http1 0') ?? 0);
        const { rotation } = await serve.admin.ca();
        return rotation?.holdUps.find(({ kind, who }) => kind === 'caller' && who === old);
      },
      waitMs,
    );
    expect(seen.why).toMatch(/with a certificate under the old root/);
  }
  await rotated(serve, last, waitMs);
  await allFine(60_000);

  for (const [what, port] of doors) {
    const again = await knock(kept, port, sessions.get(what));
    const refused = what === 'identity API' ? again.answer.startsWith('HTTP/1.1 401') : !again.taken;
    expect([what, refused, again.resumed]).toEqual([what, true, false]);
    if (what !== 'identity API') expect([what, (await knock(kept, port)).taken]).toEqual([what, false]);
    expect([what, (await knock(filesOf(dir), port)).taken]).toEqual([what, true]);
  }
  figure('doorsThatRefuse', doors.length);
  figure('doorsThatGiveSessions', [...sessions.values()].filter((one) => one !== undefined).length);
  // Nobody waits for it from now on.
  await serve.admin.evict(old);
}, 400_000);

it('waits for a proxy, an edge, a client with files that stands still, by its name, and for nobody else', async () => {
  const { serve, allFine } = world;
  await allFine(60_000);
  await serve.admin.apply({
    text: yaml(workloadText('paused', `{identity: {spiffeId: "${paused}"}, lifetime: 30m}`)),
  });
  const { token } = await serve.admin.createToken({ spiffeId: paused });
  const identity = `127.0.0.1:${serve.ports.identity}`;
  const client = await startFileClient({ identity, spiffeId: paused, token, dir: join(serve.folder, 'paused') });
  try {
    const all = await pausable(world, form.replicas, { pid: client.pid, spiffeId: paused });
    const [both] = all.values();
    const old = all.get('old client');
    const alone = [...all].map(([what, one]) => [what, [one]] as const);
    const together = [['proxy and client', [both, old].filter((one) => one !== undefined)] as const];
    for (const [what, group] of qualifying ? alone : together) {
      const { last } = await serve.admin.ca();
      const pids = group.flatMap((one) => one.pids);
      for (const pid of pids) process.kill(pid, 'SIGSTOP');
      const from = performance.now();
      try {
        await serve.admin.rotateRoot({ quiet: '1s' });
        const held = async () => {
          const { rotation } = await serve.admin.ca();
          const holdUps = rotation?.holdUps ?? [];
          const named = group.every(({ kind, who }) =>
            holdUps.some((one) => one.kind === kind && one.who.startsWith(who)),
          );
          const nobodyElse = holdUps.every(({ who }) => group.some(({ id }) => who.startsWith(id)));
          return rotation?.phase === 'publish' && named && nobodyElse ? holdUps : undefined;
        };
        const since = await eventually(
          `held up by ${what} alone`,
          async () => (await held()) && performance.now(),
          waitMs,
        );
        expect((await serve.admin.status()).rotation?.holdUps).toEqual(
          expect.arrayContaining([expect.objectContaining({ who: expect.stringContaining(group[0]?.who ?? '') })]),
        );
        const holdMs = qualifying ? 10_000 : 1000;
        await eventually('it stays so', () => performance.now() - since > holdMs || undefined, 20_000);
        expect([what, (await serve.admin.ca()).rotation?.phase]).toEqual([what, 'publish']);
        expect([what, await held()]).not.toEqual([what, undefined]);
      } catch (reason) {
        await toldWhy(serve)(reason);
      } finally {
        for (const pid of pids) process.kill(pid, 'SIGCONT');
      }
      figure(`heldUpMs ${what.replace(/.*~/, '')}`, Math.round(performance.now() - from));
      await rotated(serve, last, waitMs);
      await allFine(60_000);
    }
  } finally {
    await client.stop();
    await serve.admin.evict(paused);
  }
}, 900_000);

it('goes on after kill -9 in every phase', async () => {
  const { serve, allFine } = world;
  await allFine(60_000);
  const failed = failures(world);
  const killed = new Set<string>();
  let times = 0;
  const file = join(serve.folder, 'data', 'ca', 'roots.json');
  const phases = ['prepare', 'publish', 'activate', 'renew', 'taint', 'remove'] satisfies RotationPhase[];
  for (const phase of qualifying ? phases : phases.slice(1, 2)) {
    // A phase of milliseconds can be over when the signal arrives.
    for (let tries = 0; tries < 8 && !killed.has(phase); tries += 1) {
      const { last } = await serve.admin.ca();
      await serve.crash(
        async () => {
          times += 1;
          killed.add(readRootsRecord(readFileSync(file, 'utf8'), file).rotation?.phase ?? 'none');
        },
        (pid) => killInPhase({ file, phase, pid }, () => serve.admin.rotateRoot({ quiet: '1s' })),
      );
      const ended = await rotated(serve, last, waitMs);
      expect(ended.last).toMatchObject({ outcome: 'rotated', cut: [] });
      expect(ended.roots).toHaveLength(1);
      await allFine(60_000);
    }
    expect([...killed]).toContain(phase);
  }
  expect(failures(world)).toEqual(failed);
  figure('killed', times);
  figure('phasesKilledIn', phases.filter((phase) => killed.has(phase)).join(' '));
}, 900_000);
