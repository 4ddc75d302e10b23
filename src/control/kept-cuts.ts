// Remembers across restarts what ended open connections: otherwise a control plane that comes back would cut everything, or nothing of what
// lost its rights meanwhile. An identity that ends (deleted, or one of its hosts evicted) is cut at once, and once more when the last of
// its certificates has expired: until then it could have reconnected.
import type { Clock } from '../lib/clock.ts';
import { inStep, sameKeys } from '../lib/in-step.ts';
import type { Log } from '../lib/log.ts';
import type { Json, Table, TableChange } from '../lib/table.ts';
import { parseSpiffeId, type SpiffeId } from '../model/spiffe-id.ts';
import type { MeshIr, PortIr, PortKey, ServiceIr, ServiceKey } from '../policy/ir.ts';
import { portOf } from '../policy/ports.ts';
import { cutIdentity, nextCuts, type PortCuts } from '../translate/inbound/cuts.ts';
import { valuesIn, withRenewed } from './cut-values.ts';

export interface Ended {
  readonly id: SpiffeId;
  /** When its last certificate expires; epoch milliseconds. */
  readonly until: number;
}

export interface KeptCuts {
  restore(): Promise<void>;
  /** The mesh with its cuts, after a change of the documents. */
  apply(mesh: MeshIr): MeshIr;
  /** `onChange` is called afterwards if there is a mesh. */
  end(ended: Ended): void;
  stop(): void;
}

export interface KeptCutsDeps {
  readonly table: Table;
  readonly clock: Clock;
  readonly log: Log;
  readonly onChange: () => void;
}

/** Keys of the table are those of ports; these are for identities. */
const endedPrefix = 'ended ';
/** Clocks of proxies may be slow. */
const graceMs = 1000;

/** Knows no earlier cut before `restore`. What cannot be written is logged; this process goes on with what it has. */
export function createKeptCuts({ table, clock, log, onChange }: KeptCutsDeps): KeptCuts {
  let ports = new Map<PortKey, PortCuts>();
  const ended = new Map<SpiffeId, number>();
  /** As it was given, and as it was returned. */
  let last: { readonly of: MeshIr; readonly mesh: MeshIr } | undefined;
  /** A value may have changed since that. */
  let moved = false;
  let cancel = (): void => {};
  let writing = Promise.resolve();
  /** Keys, and how often each is yet to be written. */
  const unwritten = new Map<string, number>();
  let unwatch = (): void => {};
  const write = (key: string, task: () => Promise<void>): void => {
    unwritten.set(key, (unwritten.get(key) ?? 0) + 1);
    writing = writing
      .then(task)
      .catch((reason: unknown) => {
        log.error({ reason: String(reason) }, 'cuts are not persisted: a restart may cut connections again');
      })
      .finally(() => {
        const left = (unwritten.get(key) ?? 1) - 1;
        if (left === 0) unwritten.delete(key);
        else unwritten.set(key, left);
      });
  };
  const keep = (key: PortKey, cuts: PortCuts): void => {
    ports.set(key, cuts);
    moved = true;
    write(key, () => table.set(key, jsonOf(cuts)));
  };
  /** What another replica cut is cut here as well: for the same rights, all proxies of a port have the same value. */
  const told = ({ key, value }: TableChange): void => {
    if (unwritten.has(key)) return;
    const id = key.startsWith(endedPrefix) ? parseSpiffeId(key.slice(endedPrefix.length)) : undefined;
    if (id !== undefined) {
      if (typeof value === 'number') ended.set(id, value);
      else ended.delete(id);
      schedule();
      return;
    }
    const port = key as PortKey;
    const mine = ports.get(port);
    if (mine === undefined || value === undefined) return;
    const theirs = cutsOf(value).chains;
    let changed = false;
    const chains = [...mine.chains].map(([name, chain]): [string, typeof chain] => {
      const there = theirs.get(name);
      if (there === undefined || there.digest !== chain.digest || there.cut === chain.cut) return [name, chain];
      changed = true;
      return [name, { ...chain, cut: there.cut }];
    });
    if (!changed) return;
    ports.set(port, { ...mine, chains: new Map(chains) });
    moved = true;
    onChange();
  };
  const cut = (id: SpiffeId, why: string): void => {
    if (last === undefined) return;
    for (const [key, cuts] of ports) {
      const port = portOf(last.mesh, key);
      const changed = port === undefined ? cuts : cutIdentity(cuts, { id, why }, port, last.mesh);
      if (changed !== cuts) keep(key, changed);
    }
  };
  const schedule = (): void => {
    cancel();
    if (ended.size === 0) return;
    const next = Math.min(...ended.values()) + graceMs;
    cancel = clock.after(Math.max(0, next - clock.now()), () => {
      const over = [...ended].filter(([, until]) => until + graceMs <= clock.now());
      for (const [id] of over) {
        ended.delete(id);
        cut(id, 'over');
        write(endedPrefix + id, () => table.delete(endedPrefix + id));
      }
      if (over.length > 0) onChange();
      schedule();
    });
  };

  return {
    async restore() {
      const entries = await table.list().catch((reason: unknown) => {
        log.error({ reason: String(reason) }, 'earlier cuts cannot be read: connections may be cut again');
        return [];
      });
      for (const { key, value } of entries) {
        const id = key.startsWith(endedPrefix) ? parseSpiffeId(key.slice(endedPrefix.length)) : undefined;
        if (id !== undefined && typeof value === 'number') ended.set(id, value);
        // A key is only looked up with those of ports.
        else ports.set(key as PortKey, cutsOf(value));
      }
      schedule();
      unwatch = table.watch(told);
    },
    apply(mesh) {
      const again = last !== undefined && (mesh === last.of || mesh === last.mesh);
      const few = again || last === undefined ? undefined : samePorts(last.of, mesh);
      const renewed = new Map<PortKey, PortCuts['chains']>();
      if (few !== undefined) {
        for (const port of few) {
          const there = ports.get(port.id);
          const next = nextCuts(there, port, mesh);
          ports.set(port.id, next);
          if (next === there || sameCuts(there, next)) continue;
          write(port.id, () => table.set(port.id, jsonOf(next)));
          renewed.set(port.id, next.chains);
        }
      } else if (!again) {
        moved = true;
        const before = ports;
        ports = new Map();
        for (const [name, service] of mesh.services) {
          const same = last !== undefined && isSame(last.of, mesh, name, service);
          for (const port of service.ports) {
            const there = before.get(port.id);
            const next = same && there?.from !== undefined ? there : nextCuts(there, port, mesh);
            ports.set(port.id, next);
            if (next !== there && !sameCuts(there, next)) write(port.id, () => table.set(port.id, jsonOf(next)));
          }
        }
        for (const key of before.keys()) if (!ports.has(key)) write(key, () => table.delete(key));
      }
      const values = moved ? undefined : last?.mesh.cuts;
      moved = false;
      const cuts = values === undefined ? valuesIn(last?.mesh.cuts, ports) : withRenewed(values, renewed);
      const mine = { ...mesh, cuts };
      last = { of: again && last !== undefined ? last.of : mesh, mesh: mine };
      return mine;
    },
    end({ id, until }) {
      cut(id, 'ended');
      if (until > clock.now()) {
        ended.set(id, until);
        write(endedPrefix + id, () => table.set(endedPrefix + id, until));
        schedule();
      }
      onChange();
    },
    stop() {
      cancel();
      unwatch();
    },
  };
}

/** The ports of services that have changed, if that is all that decides about cuts and has changed, and if there are the same ports. */
function samePorts(before: MeshIr, after: MeshIr): readonly PortIr[] | undefined {
  if (before.breakGlass !== after.breakGlass || before.callers !== after.callers) return undefined;
  if (!sameKeys(before.services, after.services)) return undefined;
  const changed: PortIr[] = [];
  for (const { one, other } of inStep(before.services, after.services)) {
    const same =
      one?.ports.length === other.ports.length && one.ports.every(({ id }, at) => id === other.ports[at]?.id);
    if (!same) return undefined;
    changed.push(...other.ports);
  }
  return changed;
}

/** Nothing that decides about cuts of the service's ports has changed. */
function isSame(before: MeshIr, after: MeshIr, name: ServiceKey, service: ServiceIr): boolean {
  if (before.services.get(name) !== service || before.breakGlass !== after.breakGlass) return false;
  if (before.callers === after.callers) return true;
  return service.ports.every(({ id }) => before.callers.get(id) === after.callers.get(id));
}

function sameCuts(a: PortCuts | undefined, b: PortCuts): boolean {
  return a === b || (a !== undefined && JSON.stringify(jsonOf(a)) === JSON.stringify(jsonOf(b)));
}

function jsonOf({ chains }: PortCuts): Json {
  return Object.fromEntries([...chains].map(([name, { cut, digest }]) => [name, [cut, digest]]));
}

function cutsOf(value: Json): PortCuts {
  const chains = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return {
    chains: new Map(
      chains.flatMap(([name, chain]) => {
        const [cut, digest] = Array.isArray(chain) ? chain : [];
        return typeof cut === 'string' && typeof digest === 'string' ? [[name, { cut, digest }] as const] : [];
      }),
    ),
  };
}
