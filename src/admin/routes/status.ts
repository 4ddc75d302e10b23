// What is running, and its condition: the control plane, its proxies, the traffic they report.

import { defined } from '../../lib/defined.ts';
import type { AdminDeps } from '../deps.ts';
import { replicaRows } from '../everywhere.ts';
import { ok, type Route, route } from '../route.ts';
import { runningOut } from '../running-out.ts';
import { createWaiting } from '../waiting.ts';
import { statusSchema } from '../wire.ts';
import { type ProxyRow, proxiesSchema } from '../wire-proxies.ts';
import { trafficSchema } from '../wire-record.ts';

const hourMs = 3_600_000;

export function statusRoutes(
  {
    store,
    bans,
    held,
    status,
    ready,
    proxies,
    refusedSvids = () => [],
    traffic,
    handshakes = () => [],
    ca,
    missingCredentials = () => [],
    issuerKeys = () => [],
    foreignBundles = () => [],
    countdowns = () => [],
    publishers = () => [],
    parent = () => undefined,
    followers = () => [],
    record,
    clock,
    others,
  }: AdminDeps,
  rows: () => Promise<readonly ProxyRow[]>,
): readonly Route[] {
  return [
    route({
      method: 'GET',
      url: '/v1/status',
      access: 'viewer',
      summary: 'The control plane: revision, readiness, problems, and where its trust bundle is published.',
      answer: statusSchema,
      async handle() {
        const { version, trustDomain, problems, startedAt } = status();
        const current = store.state()?.revision;
        const all = proxies();
        const waiting = await createWaiting({ held, store })
          .list()
          .catch(() => store.direct?.waiting() ?? []);
        const banned = bans.list().length;
        const recent = (await refusedSvids()).filter(({ lastAt }) => lastAt > clock.now() - hourMs).length;
        const following = followers();
        const [fetched, missing, foreign] = [issuerKeys(), missingCredentials(), foreignBundles()];
        const ending = runningOut(countdowns(), clock.now());
        const count = (state: 'connected' | 'held' | 'gone') => all.filter((proxy) => proxy.state === state).length;
        return ok({
          version,
          ...defined({ revision: current, trustDomain, storeTrouble: store.trouble?.() }),
          ready: ready().ready,
          reasons: [...ready().reasons],
          problems: [...store.problems(), ...problems],
          ...(waiting.length === 0 ? {} : { waiting: waiting.length }),
          ...(banned === 0 ? {} : { bans: { count: banned, waiting: [...(await bans.waiting())] } }),
          proxies: {
            connected: count('connected'),
            held: count('held'),
            gone: count('gone'),
            rejecting: all.filter((proxy) => proxy.types.some((type) => type.nack !== undefined)).length,
          },
          ...defined({ lastGood: lastGoodOf(store) }),
          ...defined({ parent: parent() }),
          ...(following.length === 0 ? {} : { followers: following }),
          ...(others === undefined ? {} : { replicas: replicaRows(others) }),
          ...defined({ rotation: ca?.()?.status().rotation }),
          ...(missing.length === 0 ? {} : { missingCredentials: [...missing] }),
          ...(ending.length === 0 ? {} : { runningOut: [...ending] }),
          ...(fetched.length === 0 ? {} : { issuerKeys: [...fetched] }),
          ...(foreign.length === 0 ? {} : { foreignBundles: [...foreign] }),
          publishers: [...publishers()],
          ...(recent === 0 ? {} : { refusedSvids: recent }),
          startedAt,
        });
      },
    }),
    route({
      method: 'GET',
      url: '/v1/proxies',
      access: 'viewer',
      summary: 'Every known proxy: what it was sent, what it accepted or rejected, its certificate.',
      answer: proxiesSchema,
      handle: async () => ok({ proxies: [...(await rows())] }),
    }),
    route({
      method: 'GET',
      url: '/v1/traffic',
      access: 'viewer',
      summary:
        'Requests and connections that proxies reported, by service, kind of caller and decision; TLS handshakes that failed.',
      answer: trafficSchema,
      async handle() {
        await record.refresh?.();
        return ok({ traffic: [...traffic()], handshakes: [...handshakes()] });
      },
    }),
  ];
}

function lastGoodOf({ lastGood }: Pick<AdminDeps['store'], 'lastGood'>) {
  if (lastGood === undefined) return undefined;
  return { kept: [...lastGood.kept()], ...defined({ fallback: lastGood.fallback() }) };
}
