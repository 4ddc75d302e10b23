// The commands that run, or stand in for, the sidecar: `sidecar`, `svid fetch`, `bootstrap`. Each module is loaded when it is
// called, as this process stands beside every service.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import { formatHostPort } from '../lib/host-port.ts';
import type { Redacted } from '../lib/redacted.ts';
import { formatSocketPath } from '../lib/socket-path.ts';
import type { EvidenceSource } from '../sidecar/attest/make-evidence.ts';
import type { FetchSvidOptions as FetchOptions } from '../sidecar/svid/svid-fetch.ts';
import { type StoredSvid, svidFileNames } from '../sidecar/svid/svid-files.ts';
import type { CliIo } from './io.ts';
import type {
  ApplicationAddress,
  CliRun,
  EnrolOptions,
  FetchedSvid,
  FetchSvidOptions,
  SidecarOptions,
  WantedIdentity,
} from './run.ts';

type SidecarRun = Pick<CliRun, 'sidecar' | 'fetchSvid' | 'exchangeSvid' | 'keepSvid' | 'bootstrap' | RunnerNames>;
type RunnerNames = 'serveRunner' | 'openJob' | 'closeJob';

export function createSidecarRun({ env }: Pick<CliIo, 'env'>): SidecarRun {
  return {
    async sidecar(options) {
      const [{ ensureDataFolder }, { lockFolder }, { createLineLog }] = await Promise.all([
        import('../identity/secret-file.ts'),
        import('../lib/folder-lock.ts'),
        import('../lib/line-log.ts'),
      ]);
      const { data } = options;
      const log = createLineLog(options.logLevel, { name: 'sidecar' });
      ensureDataFolder(data, (message) => log.warn({}, message));
      // Two of one node ID would take each other's place, and each other's key.
      const lock = lockFolder({
        folder: data,
        name: 'sidecar',
        hint: 'a second proxy of this service needs its own --instance and --data',
      });
      try {
        return await sidecarIn(data, options, env);
      } finally {
        lock.release();
      }
    },

    async fetchSvid(options) {
      const { fetchSvid } = await import('../sidecar/svid/svid-fetch.ts');
      return fetchedSvid(await fetchSvid(await fetchOptions(options)), options.directory);
    },

    async exchangeSvid(options) {
      const { exchangeToken } = await import('../sidecar/svid/exchange-token.ts');
      const { createLineLog } = await import('../lib/line-log.ts');
      const { directory, identityServers, logLevel, ...rest } = options;
      const identity = identityServers.map(formatHostPort).join(',');
      const log = createLineLog(logLevel, { name: 'svid' });
      const { svid, files } = await exchangeToken({
        ...{ ...rest, identity, log, dir: directory, attestor: 'gitlab-id-token' },
      });
      return { spiffeId: svid.spiffeId, notAfter: svid.notAfter.getTime(), files };
    },

    async keepSvid(options, started) {
      const { keepSvidRunning } = await import('./keep-svid-run.ts');
      const fetching = await fetchOptions(options);
      return keepSvidRunning(options, fetching, env, (svid) => started(fetchedSvid(svid, options.directory)));
    },

    async serveRunner(options, started) {
      const { serveRunner } = await import('./runner-run.ts');
      const { directory } = options;
      return serveRunner(options, await fetchOptions(options), (svid) => started(fetchedSvid(svid, directory)));
    },

    async openJob({ runDir, ...job }) {
      const { askToOpen } = await import('../sidecar/runner/control-socket.ts');
      return askToOpen(runDir, job);
    },

    async closeJob({ runDir, job, keepUser }) {
      const { askToClose } = await import('../sidecar/runner/control-socket.ts');
      return askToClose(runDir, job, keepUser);
    },

    async bootstrap(options) {
      const { writeBootstrap } = await import('./write-bootstrap.ts');
      return writeBootstrap(options, env);
    },
  };
}

async function fetchOptions(options: FetchSvidOptions): Promise<FetchOptions> {
  const { directory, wanted } = options;
  const [{ createLineLog }, token] = await Promise.all([import('../lib/line-log.ts'), tokenFor(options, directory)]);
  return {
    identity: options.identityServers.map(formatHostPort).join(','),
    dir: directory,
    verify(spiffeId, from) {
      if (!isWanted(wanted, spiffeId))
        throw anotherIdentity(wanted, spiffeId, from === 'folder' ? directory : undefined);
    },
    log: createLineLog(options.logLevel, { name: 'svid' }),
    ...defined({ token, evidence: await evidenceOf(options) }),
  };
}

function fetchedSvid(
  { spiffeId, notAfter }: Pick<StoredSvid, 'spiffeId' | 'notAfter'>,
  directory: string,
): FetchedSvid {
  const files = Object.values(svidFileNames).map((name) => join(directory, name));
  return { spiffeId, notAfter: notAfter.getTime(), files };
}

async function sidecarIn(data: string, options: SidecarOptions, env: CliIo['env']): Promise<0 | 1> {
  const { ports, instance, envoy, envoyAdmin } = options;
  const [{ runSidecar }, { createStopSignals }, { findLeftoverEnvoy }, { createLineLog }, { chooseListen }, token] =
    await Promise.all([
      import('../sidecar/run-sidecar.ts'),
      import('../sidecar/stop-signals.ts'),
      import('../sidecar/envoy/envoy-record.ts'),
      import('../lib/line-log.ts'),
      import('./flags/choose-listen.ts'),
      tokenFor(options, join(data, 'svid')),
    ]);
  const held = findLeftoverEnvoy(data)?.inbounds ?? [];
  const chosen: { name: string; inbound: string; application?: string }[] = [];
  // One after the other: what is chosen is free, until the next is chosen.
  for (const { name, listen, application } of ports) {
    const inbound = formatHostPort(await chooseListen(listen, data, { name, held }));
    const app = application === undefined ? {} : { application: formatApplication(application) };
    if (chosen.some((one) => one.inbound === inbound)) throw twoAtOne(inbound);
    chosen.push({ name, inbound, ...app });
  }
  const stopping = createStopSignals();
  try {
    const sidecar = await runSidecar({
      identity: options.identityServers.map(formatHostPort).join(','),
      xds: options.xdsServers.map(formatHostPort).join(','),
      dataDir: data,
      drainSeconds: options.drainSeconds,
      drainUntilClosed: options.drainUntilClosed,
      concurrency: options.concurrency,
      variant: options.xdsVariant,
      env,
      log: createLineLog(options.logLevel, { name: 'sidecar' }),
      stopping,
      verify(spiffeId, from) {
        if (!isWanted(options.wanted, spiffeId))
          throw anotherIdentity(options.wanted, spiffeId, from === 'folder' ? data : undefined);
      },
      ...defined({ token, evidence: await evidenceOf(options) }),
      ports: chosen,
      ...defined({ instance, envoyPath: envoy, admin: envoyAdmin, workloadApi: options.workloadApi }),
    });
    return (await sidecar.exited) === 0 ? 0 : 1;
  } catch (reason) {
    // It was told to end before Envoy ran: what it was in the midst of does not matter any more.
    if (stopping.drain.aborted) return 0;
    throw reason;
  } finally {
    stopping.close();
  }
}

async function evidenceOf({ attest }: EnrolOptions): Promise<EvidenceSource | undefined> {
  if (attest === undefined) return undefined;
  const { evidenceSource } = await import('../sidecar/attest/make-evidence.ts');
  return evidenceSource(attest.attestor, attest.options, attest.trustBundle);
}

/** A token is needed only for a directory that holds no identity yet: what is there is renewed. */
function tokenFor({ token, attest }: EnrolOptions, svidDir: string): Promise<Redacted<string> | undefined> {
  return token(attest === undefined && !existsSync(join(svidDir, 'current')));
}

function twoAtOne(inbound: string): CellwallError {
  return new CellwallError('invalid_argument', `two ports of the service would listen on ${inbound}`, {
    hint: 'give each its own --listen',
  });
}

function formatApplication(application: ApplicationAddress): string {
  return 'path' in application ? formatSocketPath(application) : formatHostPort(application);
}

/** A service in no cell has no "/cell/…" before it (model/spiffe-id.ts). */
function isWanted(wanted: WantedIdentity, spiffeId: string): boolean {
  if (wanted.kind === 'spiffe-id') return spiffeId === wanted.id;
  const [name, cell] = wanted.ref.split('/').reverse();
  const path = cell === undefined ? `service/${name}` : `cell/${cell}/service/${name}`;
  return /^spiffe:\/\/[^/]+\/(.*)$/.exec(spiffeId)?.[1] === path;
}

/** `directory`: where it was found; without, it is new. */
function anotherIdentity(wanted: WantedIdentity, spiffeId: string, directory: string | undefined): CellwallError {
  const name = wanted.kind === 'service' ? `the service ${wanted.ref}` : wanted.id;
  if (directory !== undefined) {
    return new CellwallError(
      'failed_precondition',
      `the identity in ${directory} is ${spiffeId}, not that of ${name}`,
      {
        hint: `use another directory; or, if nothing else uses this one, remove it (rm -r ${directory}) and join with a token of ${name}`,
      },
    );
  }
  return new CellwallError(
    'failed_precondition',
    `the identity that the control plane gave is ${spiffeId}, not that of ${name}`,
    {
      hint: `the join token was for the other one, and is now spent. Nothing was kept: create one for ${name} with cellwall token create`,
    },
  );
}
