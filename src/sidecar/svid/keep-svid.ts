// An SVID as files that is renewed for as long as the process runs, and its roots with it: for programs without a sidecar.
import { systemClock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import type { CellwallError } from '../../lib/errors.ts';
import { createWatched, type Watchable } from '../../lib/watchable.ts';
import type { JwtSource } from '../../workload-api/jwt-methods.ts';
import type { Refusal } from '../../workload-api/refusal.ts';
import { createControlPlanes, readControlPlanes, seedOf } from '../servers/control-planes.ts';
import { followBundle } from './follow-bundle.ts';
import { createJwtSource } from './jwt-source.ts';
import { loadNodeKey } from './node-key.ts';
import type { ObtainSvidDeps } from './obtain-svid.ts';
import type { InUse } from './on-renewed.ts';
import type { FetchSvidOptions } from './svid-fetch.ts';
import { createSvidFiles, type StoredSvid } from './svid-files.ts';
import { createSvidKeeper } from './svid-keeper.ts';
import { writeXdsSecrets } from './write-xds-secrets.ts';

export interface KeepSvidOptions extends FetchSvidOptions {
  /** Has a program use each new one, and tells what it uses. Absent: what there is counts as in use. */
  readonly program?: (svid: Watchable<StoredSvid>) => Watchable<InUse<StoredSvid>>;
  /** Ends it, at whatever stage it is. */
  readonly signal: AbortSignal;
}

export interface KeptSvid {
  readonly svid: Watchable<StoredSvid>;
  /** Tokens of the same identity. */
  readonly jwt: JwtSource;
  /** While the control plane says that this host, or its identity, is banned or evicted. */
  readonly refusal: Refusal;
}

/** Resolves once there is an SVID: the one in the folder, if it is still good, or a first one. */
export async function keepSvid(options: KeepSvidOptions): Promise<KeptSvid> {
  const { identity, token, evidence, dir, verify, program, log, clock = systemClock, signal } = options;
  const nodeKey = await loadNodeKey(dir);
  const servers = createControlPlanes(readControlPlanes(identity), seedOf(nodeKey));
  const files = createSvidFiles(dir);
  const written = (svid: StoredSvid): void => void writeXdsSecrets(dir, svid);
  return keepSvidIn({
    ...{ servers, nodeKey, files, clock, log, signal, written },
    ...defined({ token, evidence, verify }),
    confirmed: program !== undefined,
    ...defined({ program }),
  });
}

export interface KeepSvidInOptions extends Omit<ObtainSvidDeps, 'roots' | 'signal'> {
  /** Told of each SVID, once it is in `files`. */
  readonly written?: (svid: StoredSvid) => void;
  readonly program?: NonNullable<KeepSvidOptions['program']>;
  /** Ends it, at whatever stage it is. */
  readonly signal: AbortSignal;
}

/** The same, wherever its files are. */
export async function keepSvidIn({ written = () => {}, program, ...options }: KeepSvidInOptions): Promise<KeptSvid> {
  const { servers, clock, log, signal } = options;
  let renewed = (_: StoredSvid): void => {};
  const keeper = await createSvidKeeper({ ...options, onRenewed: (svid) => renewed(svid) });
  signal.addEventListener('abort', () => keeper.close());
  if (signal.aborted) keeper.close();
  const { current, sequence, trust } = keeper;
  const svid = createWatched(current());
  written(svid.value());
  renewed = (next) => {
    written(next);
    svid.set(next);
  };
  const inUse = program?.(svid) ?? asIs(svid);
  const refusal = createWatched<CellwallError | undefined>(undefined);
  const heard = {
    onRefused(reason: CellwallError) {
      if (refusal.value() !== undefined) return;
      refusal.set(reason);
      const fields = { reason: reason.message, ...defined({ hint: reason.hint }) };
      log.error(fields, 'this host was thrown out: nobody gets its identity here any more');
    },
    onAccepted() {
      if (refusal.value() === undefined) return;
      refusal.set(undefined);
      log.info({}, 'the control plane accepts this host again');
    },
  };
  void followBundle({ servers, svid: current, sequence, onBundle: trust, inUse, ...heard, log, signal });
  return { svid, refusal, jwt: createJwtSource({ servers, svid: current, clock, log, signal }) };
}

function asIs(svid: Watchable<StoredSvid>): Watchable<InUse<StoredSvid>> {
  const inUse = createWatched<InUse<StoredSvid>>({ files: svid.value() });
  svid.watch((files) => inUse.set({ files }));
  return inUse;
}
