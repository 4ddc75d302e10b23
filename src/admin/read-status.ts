// Reads what the control plane says of itself.
import { defined } from '../lib/defined.ts';
import type { AdminDeps } from './deps.ts';
import { replicaRows } from './everywhere.ts';
import { runningOut } from './running-out.ts';
import { createWaiting } from './waiting.ts';
import type { StatusAnswer } from './wire.ts';

const hourMs = 3_600_000;

export function createStatusReader({
  store,
  bans,
  held,
  status,
  ready,
  proxies,
  refusedSvids = () => [],
  ca,
  missingCredentials = () => [],
  issuerKeys = () => [],
  foreignBundles = () => [],
  countdowns = () => [],
  publishers = () => [],
  parent = () => undefined,
  followers = () => [],
  clock,
  others,
}: AdminDeps): () => Promise<StatusAnswer> {
  return async () => {
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
    return {
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
    };
  };
}

function lastGoodOf({ lastGood }: Pick<AdminDeps['store'], 'lastGood'>) {
  if (lastGood === undefined) return undefined;
  return { kept: [...lastGood.kept()], ...defined({ fallback: lastGood.fallback() }) };
}
