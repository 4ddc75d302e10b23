// `cellwall sidecar`: attests, writes the bootstrap, runs Envoy, keeps the identity of its xDS connection fresh, drains it at the end.
// Imports little, because one runs for every service: no gRPC, no schema library, no X.509 library.
import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { ensureSecretFolder } from '../identity/secret-file.ts';
import { systemClock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import { formatHostPort } from '../lib/host-port.ts';
import { localPorts } from '../lib/local-ports.ts';
import { isLoopback } from '../lib/loopback.ts';
import { nodeId } from '../lib/node-id.ts';
import { processLog, processOutput } from '../lib/process-log.ts';
import { adminOf } from './envoy/admin-address.ts';
import { type AdminAddress, claimsOf } from './envoy/bootstrap.ts';
import { comfortable, connectionsWithin, descriptorLimit } from './envoy/descriptor-limit.ts';
import { endLeftover } from './envoy/end-leftover.ts';
import { findEnvoy } from './envoy/envoy-binary.ts';
import { type EnvoyProcess, startEnvoy } from './envoy/envoy-process.ts';
import { findLeftoverEnvoy } from './envoy/envoy-record.ts';
import { freePorts } from './envoy/free-ports.ts';
import { hasLoopback6 } from './envoy/has-loopback6.ts';
import { createLogLevels } from './envoy/log-levels.ts';
import { quietWhileAway } from './envoy/quiet-while-away.ts';
import { warnOfLocalPort } from './envoy/warn-of-local-port.ts';
import { watchOverflow } from './envoy/watch-overflow.ts';
import { watchPorts } from './envoy/watch-ports.ts';
import { withCounters } from './envoy/with-counters.ts';
import { writeConfig } from './envoy/write-config.ts';
import { instanceOf } from './instance.ts';
import { type ApplicationLook, lookAtApplication } from './look-at-application.ts';
import { createOwnWorkloadApi } from './own-workload-api.ts';
import { readPorts } from './read-ports.ts';
import { sayGoodbye } from './say-goodbye.ts';
import { createControlPlanes, readControlPlanes, seedOf } from './servers/control-planes.ts';
import { followEnvoy } from './servers/follow-envoy.ts';
import type { SidecarOptions } from './sidecar-options.ts';
import { followBundle } from './svid/follow-bundle.ts';
import { loadNodeKey } from './svid/node-key.ts';
import { createSvidFiles } from './svid/svid-files.ts';
import { createSvidKeeper, type SvidKeeper } from './svid/svid-keeper.ts';
import { createThrownOut } from './svid/thrown-out.ts';
import { writeXdsSecrets } from './svid/write-xds-secrets.ts';
import { takeName } from './take-name.ts';
import { warnOfTls } from './warn-of-tls.ts';
import { watchApplication } from './watch-application.ts';

export interface Sidecar {
  readonly spiffeId: string;
  /** `<SPIFFE ID>~<instance>`. */
  readonly node: string;
  readonly envoyPid: number;
  /** The address of Envoy's admin interface, once it listens. */
  admin(): AdminAddress | undefined;
  /** Envoy's exit code: the sidecar's own. */
  readonly exited: Promise<number>;
  stop(): Promise<number>;
}

/** Resolves when Envoy runs; `aborted` if it was stopped before. */
export async function runSidecar(options: SidecarOptions): Promise<Sidecar> {
  const { log, clock = systemClock, env, token, verify = () => {}, envoyPath, drainSeconds = 10 } = options;
  const { drain, now } = options.stopping ?? { drain: unaborted(), now: unaborted() };
  const all = readControlPlanes(options.identity, options.xds);
  const served = readPorts(options);
  const inbounds = served.flatMap(({ inbound }) => inbound ?? []);
  const applications = served.flatMap(({ application }) => application ?? []);
  const dataDir = resolve(options.dataDir);
  ensureSecretFolder(dataDir);
  const admin = adminOf(options.admin, dataDir, env);
  const kept = instanceOf(options.instance, dataDir);
  const drainMs = drainSeconds * 1000;
  for (const inbound of inbounds) {
    if (localPorts()?.taken(inbound.port) === true) warnOfLocalPort(log, inbound.port, '--listen');
    const far = all.find(({ xds }) => !isLoopback(xds.host));
    if (!isLoopback(inbound.host) || far === undefined) continue;
    log.warn(
      {
        listen: formatHostPort(inbound),
        server: far.xds.host,
        hint: 'give it --listen ADDRESS:PORT, or --listen 0.0.0.0:PORT',
      },
      'it listens on loopback, but the control plane is on another host: callers of other hosts do not reach it',
    );
  }
  // It keeps serving while this one prepares, and if this one fails.
  const leftover = findLeftoverEnvoy(dataDir);
  const ports = freePorts({ inbounds, admin, leftover, drainMs, now, log });
  let keeper: SvidKeeper | undefined;
  const workloadApi = createOwnWorkloadApi(options.workloadApi, { clock, log });
  let renewed = (): void => {};
  const failed = new AbortController();
  const notStopped = (): void => {
    if (drain.aborted) throw new CellwallError('aborted', 'stopped before Envoy was started');
  };

  try {
    const nodeKey = await loadNodeKey(dataDir);
    const servers = createControlPlanes(all, seedOf(nodeKey));
    const keeping = createSvidKeeper({
      servers,
      ...defined({ token, evidence: options.evidence }),
      nodeKey,
      verify,
      files: createSvidFiles(join(dataDir, 'svid')),
      clock,
      log,
      onRenewed(svid) {
        writeXdsSecrets(dataDir, svid);
        workloadApi.renewed(svid);
        renewed();
      },
      signal: AbortSignal.any([drain, failed.signal]),
    });
    const finding = findEnvoy({ env, log, signal: drain, ...defined({ path: envoyPath }) });
    const [binary, started] = await Promise.all([finding, keeping]).catch((reason: unknown) => {
      // Neither continues without the other.
      failed.abort();
      void keeping.then(({ close }) => close(), noMatter);
      throw reason;
    });
    keeper = started;
    const svid = started.current();
    const { spiffeId } = svid;
    const claims: Parameters<typeof claimsOf>[0] = {
      ports: served,
      loopback6: await hasLoopback6(),
      variant: options.variant ?? 'delta',
      keys: 'local',
    };
    const limit = descriptorLimit();
    const maxConnections = connectionsWithin(limit);
    if (limit !== undefined && limit < comfortable) {
      const hint = `raise it (ulimit -n, LimitNOFILE=): ${comfortable} at least`;
      log.warn(
        { limit, maxConnections, hint },
        'few files may be open: Envoy refuses connections beyond what they allow',
      );
    }
    const bounded: { readonly maxConnections?: number } = maxConnections < 10_000 ? { maxConnections } : {};
    const run = randomBytes(16).toString('hex');
    notStopped();
    const naming = { instance: kept, given: options.instance !== undefined, waitMs: options.nameWaitMs };
    // A leftover Envoy has the name, and keeps calls going until this one takes over.
    const instance =
      leftover === undefined ? await takeName({ ...naming, servers, svid, dataDir, run, signal: drain, log }) : kept;
    notStopped();
    await ports.free();
    notStopped();
    // From here on Envoy chooses: it tries them in this order, and the helper follows it.
    const order = servers.order();
    const xds = order.map((one) => one.xds);
    const config = writeConfig({ dir: dataDir, svid, spiffeId, instance, ...claims, ...bounded, xds, admin });
    const level = options.envoyLogLevel ?? 'warning';
    await workloadApi.open(started.current(), servers);
    const process = await startEnvoy({
      binary,
      configPath: config.path,
      dataDir,
      admin,
      inbounds: inbounds.map(formatHostPort),
      concurrency: options.concurrency ?? 1,
      drainMs,
      ...(options.drainUntilClosed === true && applications.length > 0
        ? {
            application: async () =>
              (await Promise.all(applications.map((one) => lookAtApplication(one)))).some(answers),
          }
        : {}),
      metadata: { ...claimsOf(claims), run },
      logLevel: level,
      extraArgs: options.envoyArgs ?? [],
      words: options.envoyWords ?? processLog(),
      prints: processOutput(1),
      log,
    });
    const counted = {
      servers,
      svid: started.current,
      instance,
      run,
      inbounds: inbounds.map(({ port }) => port),
      drains: drainMs > 0,
    };
    const envoy = withCounters(process, {
      ...{ ...counted, everyMs: options.countersEveryMs ?? 10_000, clock, log },
      goodbye: (now) => sayGoodbye({ servers, svid: started.current(), instance, run, now, log }),
    });
    renewed = envoy.soon;
    log.info({ spiffeId, instance, pid: envoy.pid }, 'Envoy started');
    void envoy.exited.then(workloadApi.close);
    if (applications.length > 0) {
      const watch = watchApplication({ ports: served, servers, svid: started.current, instance, run, clock, log });
      void envoy.exited.then(() => watch.close());
    }
    if (bounded.maxConnections !== undefined) {
      const overflow = watchOverflow({ admin: envoy.admin, maxConnections, clock, log });
      void envoy.exited.then(() => overflow.close());
    }
    const listening = watchPorts({ ...counted, admin: envoy.admin, inbounds, clock, log });
    void envoy.exited.then(() => listening.close());
    const following = followEnvoy({ admin: envoy.admin, order, servers, clock, log });
    void envoy.exited.then(() => following.close());
    const quiet = quietWhileAway({ admin: envoy.admin, level, clock, log });
    void envoy.exited.then(() => quiet.close());
    const gone = new AbortController();
    void envoy.exited.then(() => gone.abort());
    const { current, sequence, trust } = started;
    const { refused: onRefused, accepted: onAccepted } = createThrownOut({ dataDir, current, workloadApi, log });
    const levels = createLogLevels({ ...counted, admin: envoy.admin, level, clock, log });
    void envoy.exited.then(levels.close);
    const heard = { onBundle: levels.before(trust), onRefused, onAccepted };
    void followBundle({ servers, svid: current, sequence, ...heard, log, signal: gone.signal });
    for (const application of applications) {
      void warnOfTls({ application, log, signal: AbortSignal.any([drain, gone.signal]) });
    }
    onAbort(drain, () => void envoy.stop());
    onAbort(now, () => envoy.end());
    return running(envoy, started, nodeId(spiffeId, instance));
  } catch (reason) {
    keeper?.close();
    await workloadApi.close();
    // What must end is the service's proxy, whoever started it.
    if (drain.aborted && leftover?.running() === true) await endLeftover(leftover, { drainMs, now, log });
    throw reason;
  }
}

function running(envoy: EnvoyProcess, keeper: SvidKeeper, node: string): Sidecar {
  const exited = envoy.exited.finally(() => keeper.close());
  return {
    spiffeId: keeper.current().spiffeId,
    node,
    envoyPid: envoy.pid,
    admin: envoy.admin,
    exited,
    async stop() {
      await envoy.stop();
      return exited;
    },
  };
}

function onAbort(signal: AbortSignal, task: () => void): void {
  if (signal.aborted) task();
  else signal.addEventListener('abort', task, { once: true });
}

function answers({ answers: there }: ApplicationLook): boolean {
  return there;
}

function noMatter(): void {}

function unaborted(): AbortSignal {
  return new AbortController().signal;
}
