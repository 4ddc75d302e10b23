// Control planes of one CA on one store in memory, each with proxies that accept what they were sent when they are told to. Each may end
// before any of its writes, or stand still between any two of them. For properties of a rotation of the root that they carry out together.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { OwnFacts } from '../../src/control/own-hold-ups.ts';
import { createCaVault } from '../../src/identity/ca/ca-vault.ts';
import type { IssuedCertificate } from '../../src/identity/issued-log.ts';
import { type OpenAuthority, openAuthority } from '../../src/identity/open-authority.ts';
import { rootName } from '../../src/identity/roots/roots-record.ts';
import { createRootRotation, type RootRotation } from '../../src/identity/roots/rotate-root.ts';
import { bundlePem, stayingRoots } from '../../src/identity/trust-bundle.ts';
import { makeKeyPair } from '../../src/identity/x509/key-pair.ts';
import { verifySvid } from '../../src/identity/x509/verify-svid.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { deriveKey } from '../../src/lib/seal.ts';
import type { Table } from '../../src/lib/table.ts';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import { createAskReplicas } from '../../src/registry/ask-replicas.ts';
import { createReplicas } from '../../src/registry/replicas.ts';
import { createCaTurn } from '../../src/serve/ca-turn.ts';
import { createRootHoldUps, sharesRoots } from '../../src/serve/root-hold-ups.ts';
import { createMemoryTable } from '../../src/store/memory-table.ts';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
import { createFakeClock } from './fake-clock.ts';
import { domainOf, idOf } from './identity-harness.ts';

const trustDomain = domainOf('td1');
const secret = () => ({ encryption: [{ id: 'a', key: deriveKey(new Redacted('a'), 'test') }] });

/** What it has, and what it was sent. */
export interface ModelProxy {
  readonly node: string;
  at: string;
  trusts: readonly string[];
  chain: string;
  sent: { readonly trusts: readonly string[]; readonly chain: string } | undefined;
}

export interface Life {
  readonly id: string;
  readonly authority: OpenAuthority;
  readonly rotation: RootRotation;
  readonly ended: () => boolean;
  /** Nothing of it is written after so many writes more. */
  crash(writes: number): void;
  pause(): void;
  resume(): void;
  readonly paused: () => boolean;
  /** Has its stream from now on. */
  take(proxy: ModelProxy): Promise<void>;
}

export interface RotationWorld {
  readonly clock: ReturnType<typeof createFakeClock>;
  readonly lives: Map<string, Life>;
  readonly proxies: ModelProxy[];
  /** Starts the control plane of that name, unless it runs. */
  start(id: string): Promise<void>;
  /** Throws if a proxy would refuse another, or there are keys of more roots than may be. */
  check(): Promise<void>;
  /** Folders of the roots whose keys are there. */
  keys(): Promise<readonly string[]>;
  /** What was begun is done as far as it goes without time. */
  settle(): Promise<void>;
  close(): void;
}

export function createRotationWorld(): RotationWorld {
  const clock = createFakeClock();
  const tables = new Map(['ca', 'replicas', 'questions', 'answers'].map((name) => [name, createMemoryTable(clock)]));
  const dir = temporaryFolder('rotation-replicas');
  const lives = new Map<string, Life>();
  const proxies: ModelProxy[] = [];
  const issued: IssuedCertificate[] = [];
  const tableOf = (name: string): Table => tables.get(name) ?? createMemoryTable(clock);

  async function live(id: string): Promise<Life> {
    let left = Number.POSITIVE_INFINITY;
    let gate: { readonly opened: Promise<void>; readonly open: () => void } | undefined;
    const ended = (): boolean => left < 0;
    const guarded = (table: Table): Table => {
      const read = async <T>(what: () => Promise<T>): Promise<T> => {
        while (gate !== undefined) await gate.opened;
        if (ended()) throw new CellwallError('unavailable', 'the process has ended');
        return what();
      };
      const write = <T>(what: () => Promise<T>): Promise<T> =>
        read(async () => {
          left -= 1;
          if (ended()) throw new CellwallError('unavailable', 'the process has ended');
          return what();
        });
      return {
        get: (key) => read(() => table.get(key)),
        list: () => read(() => table.list()),
        entries: table.entries,
        set: (...given) => write(() => table.set(...given)),
        delete: (...given) => write(() => table.delete(...given)),
        claim: (...given) => write(() => table.claim(...given)),
        compareAndSet: (...given) => write(() => table.compareAndSet(...given)),
        watch: (listener) => table.watch((change) => void read(async () => listener(change)).catch(() => {})),
        acquire: (...given) => read(() => table.acquire(...given)),
        renew: (...given) => read(() => table.renew(...given)),
        release: (...given) => read(() => table.release(...given)),
      };
    };
    // Beats, questions and answers are no steps of a rotation: an end between two of them is an end before the next step.
    const reading = (name: string): Table => {
      const table = tableOf(name);
      const { set, delete: remove } = guarded(table);
      const alive = async (what: () => Promise<void>): Promise<void> => {
        while (gate !== undefined) await gate.opened;
        if (!ended()) await what();
      };
      return {
        ...guarded(table),
        set: (...given) => (name === 'ca' ? set(...given) : alive(() => table.set(...given))),
        delete: (...given) => (name === 'ca' ? remove(...given) : alive(() => table.delete(...given))),
      };
    };
    const turn = createCaTurn(guarded(tableOf('ca')), clock, silentLog);
    const storage = createCaVault({ table: guarded(tableOf('ca')), secret, turn });
    const common = { trustDomain, clock, log: silentLog };
    const authority = await openAuthority({}, { dir: join(dir, id), storage, ...common });
    const about = () => ({ [sharesRoots]: true });
    const replicas = createReplicas({ table: reading('replicas'), id, about, clock, log: silentLog });
    const [questions, answers] = [reading('questions'), reading('answers')];
    const asking = createAskReplicas({ questions, answers, replicas, clock, log: silentLog });
    const own = (): readonly ModelProxy[] => (ended() ? [] : proxies.filter(({ at }) => at === id));

    async function sign(node: string): Promise<string> {
      // As the issuer does: it asks first who may have one.
      await Promise.resolve();
      const now = clock.now();
      const { chain, root, serial } = await authority.signer.sign({
        ...{ spiffeId: idOf('spiffe://td1/a'), dnsNames: [], publicKey: makeKeyPair().spki },
        ...{ notBefore: new Date(now - 60_000), notAfter: new Date(now + 86_400_000) },
      });
      issued.push({
        ...{ serial, spiffeId: idOf('spiffe://td1/a'), purpose: 'pushed', node, root },
        ...{ notBefore: new Date(now).toISOString(), notAfter: new Date(now + 86_400_000).toISOString() },
        // Two of one proxy at the same moment are in the order in which they were made.
        issuedAt: now + issued.length / 1000,
        trusts: authority.bundle.value().roots.map(rootName).join(' '),
      });
      return chain;
    }

    const renew = (): void => {
      if (gate !== undefined) return;
      const roots = stayingRoots(authority.bundle.value());
      for (const proxy of own()) {
        if (isUnder((proxy.sent ?? proxy).chain, roots, clock.now())) continue;
        void sign(proxy.node)
          .then((chain) => {
            if (proxy.at === id && !ended()) proxy.sent = { trusts: authority.bundle.value().roots, chain };
          })
          .catch(() => {});
      }
    };
    authority.bundle.watch(({ roots }) => {
      if (ended()) return;
      for (const proxy of own()) proxy.sent = { trusts: roots, chain: (proxy.sent ?? proxy).chain };
      renew();
    });
    const facts = async (): Promise<OwnFacts> => ({
      ...{
        self: id,
        bundle: authority.bundle.value(),
        publishers: [],
        callers: [],
        issuers: new Map(),
        now: clock.now(),
      },
      ...{ server: authority.signer.issuer().root, signer: authority.signer.issuer().root },
      proxies: proxies.map(({ node, at }) => ({
        node,
        state: 'connected',
        since: 0,
        ...(at !== id && { replica: at }),
      })),
      isAlive: replicas.isAlive,
      inUse: () => undefined,
      secrets: (node) =>
        proxies
          .filter((proxy) => proxy.node === node)
          .map(({ sent, trusts }) => {
            const common = { typeUrl: typeUrls.secret, name: 'spiffe://td1', version: '1' };
            const status = sent === undefined ? ('synced' as const) : ('stale' as const);
            return { ...common, status, resource: { ...common, value: Buffer.from(trusts.join('')) } };
          }),
    });
    const holdUps = createRootHoldUps({
      ...{ others: { ...replicas, ...asking }, own: facts, renew, clock },
      record: () => authority.replaceable?.record(),
      shared: async (_record, elapsedMs) => ({
        ...{ issued, tokens: [], fetchedWithinMs: 0, now: clock.now(), elapsedMs },
        ...{ inUse: () => undefined, refused: () => false, connected: () => true },
      }),
      shown: async () => [],
      onLook: (look) => rotation.hear(look),
    });
    if (authority.replaceable === undefined) throw new Error('the root of the built-in CA can be replaced');
    const rotation: RootRotation = createRootRotation({
      ...{ roots: authority.replaceable, holdUps: holdUps.gather, renew, clock, log: silentLog },
    });
    return {
      ...{ id, authority, rotation, ended },
      crash(writes) {
        left = Math.min(left, writes - (writes === 0 ? 1 : 0));
        if (!ended()) return;
        gate?.open();
        gate = undefined;
      },
      pause() {
        if (gate !== undefined || ended()) return;
        let open = (): void => {};
        const opened = new Promise<void>((resolve) => {
          open = resolve;
        });
        gate = { opened, open };
      },
      resume() {
        gate?.open();
        gate = undefined;
        renew();
      },
      paused: () => gate !== undefined,
      async take(proxy) {
        const chain = await sign(proxy.node);
        proxy.at = id;
        proxy.sent = { trusts: authority.bundle.value().roots, chain };
      },
    };
  }

  const vault = createCaVault({ table: tableOf('ca'), secret });
  const keys = async (): Promise<readonly string[]> => [
    ...((await vault.load('root')) === undefined ? [] : ['root']),
    ...(await vault.names('roots')),
  ];
  return {
    ...{ clock, lives, proxies, keys },
    async start(id) {
      const before = lives.get(id);
      if (before !== undefined && !before.ended()) return;
      before?.rotation.close();
      const life = await live(id);
      lives.set(id, life);
      // Its proxies connect again.
      for (const proxy of proxies.filter(({ at }) => at === id)) await life.take(proxy);
    },
    async check() {
      const now = clock.now();
      for (const { node, chain } of proxies) {
        for (const { node: other, trusts } of proxies) {
          if (!isUnder(chain, trusts, now)) throw new Error(`${other} refuses ${node}`);
        }
      }
      const there = await keys();
      if (there.length > 2) throw new Error(`keys of several new roots: ${there.join()}`);
    },
    async settle() {
      for (let turn = 0; turn < 40; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    },
    close() {
      for (const { rotation, authority, crash } of lives.values()) {
        crash(0);
        rotation.close();
        void authority.close();
      }
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** All certificates are good for longer than a test lasts: what was found once is so. */
const found = new Map<string, boolean>();

function isUnder(chain: string, roots: readonly string[], now: number): boolean {
  const key = `${chain} ${roots.map(rootName).join()}`;
  const known = found.get(key);
  if (known !== undefined) return known;
  let is = false;
  try {
    verifySvid({ chain, bundle: bundlePem({ roots }), trustDomain, now });
    is = true;
  } catch {
    // Under another root.
  }
  found.set(key, is);
  return is;
}
