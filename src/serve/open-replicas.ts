// What this control plane tells the other replicas on its store of itself, and hears of them.
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, realpathSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { readSecretFile, writeSecretFile } from '../identity/secret-file.ts';
import type { Clock } from '../lib/clock.ts';
import { formatHostPort, type HostPort } from '../lib/host-port.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import type { Log } from '../lib/log.ts';
import type { Json } from '../lib/table.ts';
import { type AskReplicas, createAskReplicas } from '../registry/ask-replicas.ts';
import { createReplicas, type Replicas } from '../registry/replicas.ts';
import type { Store } from '../store/store.ts';
import type { ServeOptions } from './serve-options.ts';

/** Of this host. */
const mostAddresses = 8;
const everywhere: readonly string[] = ['0.0.0.0', '::', ''];

export interface OpenReplicasDeps {
  readonly store: Pick<Store, 'table' | 'state'>;
  /** Others may use the store. */
  readonly shared: boolean;
  /** `identity`: others may ask there what they cannot ask through the store. */
  readonly options: Pick<ServeOptions, 'data' | 'identity'>;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly lifecycle: Lifecycle;
}

export interface OpenedReplicas extends Replicas, AskReplicas {
  /** Tells the others that this is so here. */
  tell(what: string): void;
}

/** Undefined for a store of this process alone. The others know at once when `lifecycle` ends. */
export function openReplicas(deps: OpenReplicasDeps): OpenedReplicas | undefined {
  const { store, shared, options, version, clock, log, lifecycle } = deps;
  if (!shared) return undefined;
  const startedAt = clock.now();
  const told: Record<string, true> = {};
  const about = (): { readonly [key: string]: Json } => {
    const revision = store.state()?.revision ?? null;
    return { ...told, host: hostname(), version, startedAt, revision, identity: reachableAt(options.identity) };
  };
  const replicas = createReplicas({ table: store.table('replicas'), id: replicaId(options.data), about, clock, log });
  const [questions, answers] = [store.table('questions'), store.table('answers')];
  const asking = createAskReplicas({ questions, answers, replicas, clock, log });
  lifecycle.defer('replicas', async () => {
    asking.silence();
    await replicas.stop();
  });
  return {
    ...replicas,
    ...asking,
    tell(what) {
      told[what] = true;
    },
  };
}

/**
 * What it is called among them, `NAME-DIGITS`: the same after a restart, and another one for a copy of its data folder, at another path or
 * on another host.
 */
function replicaId(data: string): string {
  const file = join(data, 'replica.id');
  if (!existsSync(file)) writeSecretFile(file, randomUUID());
  const own = JSON.stringify([readSecretFile(file).trim(), hostname(), realpathSync(data)]);
  const name = (hostname().split('.')[0] ?? '').replace(/[^A-Za-z0-9-]/g, '').slice(0, 40) || 'control-plane';
  return `${name}-${createHash('sha256').update(own).digest('hex').slice(0, 8)}`;
}

/** Where others can try to reach a port of this host, "host:port": if it listens on every address, at each that the host has. */
function reachableAt({ host, port }: HostPort): readonly string[] {
  if (port === 0) return [];
  if (!everywhere.includes(host)) return [formatHostPort({ host, port })];
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return addresses
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
    .slice(0, mostAddresses)
    .map(({ address }) => formatHostPort({ host: address, port }));
}
