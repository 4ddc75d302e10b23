// Looks after the application again and again: what changes is said in the log and to the control plane, which sends callers to another
// replica while it is down. A control plane that is away, or older, is told again later.

import { deliver } from '../identity-api/deliver.ts';
import { identityPaths } from '../identity-api/identity-protocol.ts';
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import { formatHostPort } from '../lib/host-port.ts';
import type { Log } from '../lib/log.ts';
import { reachedAt } from '../lib/own-addresses.ts';
import { defaultPort } from '../lib/port-name.ts';
import { type ApplicationAddress, formatApplication } from './application-address.ts';
import { readListeners } from './envoy/proc-sockets.ts';
import { type ApplicationLook, lookAtApplication } from './look-at-application.ts';
import type { ProxyPort } from './proxy-ports.ts';
import type { ControlPlanes } from './servers/control-planes.ts';
import type { StoredSvid } from './svid/svid-files.ts';

export interface WatchApplicationOptions {
  /** Those whose application is not known are not looked after. */
  readonly ports: readonly ProxyPort[];
  readonly servers: ControlPlanes;
  readonly svid: () => StoredSvid;
  readonly instance: string;
  readonly run: string;
  readonly clock: Clock;
  readonly log: Log;
}

type Listeners = ReturnType<typeof readListeners>;

/** Of one port. */
interface Watched {
  readonly name: string;
  readonly application: ApplicationAddress;
  seen?: ApplicationLook;
  missed: number;
}

const unknown: ApplicationLook = { answers: true, around: [] };
const everyMs = 1000;
/** On a host with very many sockets, to list those that listen takes milliseconds: half a percent of a core at most. */
const shareOfCore = 0.005;
const slowestMs = 5000;
/** Helpers that were started together do not stay in step: a part of the time between two looks, on either side. */
const jitter = 0.1;
/** What did not change is said again, as a control plane that was started anew knows nothing. */
const againMs = 10_000;
const timeoutMs = 2000;

export function watchApplication(options: WatchApplicationOptions): { close(): void } {
  const { ports, servers, svid, instance, run, clock, log } = options;
  const all = ports.flatMap(({ name, application }): Watched[] =>
    application === undefined ? [] : [{ name, application, missed: 0 }],
  );
  let toldAt: number | undefined;
  let closed = false;
  let cancel = (): void => {};

  async function turn(): Promise<void> {
    const began = process.cpuUsage();
    const listeners = readListeners();
    const { user, system } = process.cpuUsage(began);
    const changed = await Promise.all(all.map((one) => look(one, listeners)));
    if (changed.includes(true)) toldAt = undefined;
    if (toldAt === undefined || clock.monotonic() - toldAt >= againMs) await tell();
    if (!closed) cancel = clock.after(pauseMs((user + system) / 1000), () => void turn());
  }

  /** Whether it is not what it was. */
  async function look(one: Watched, listeners: Listeners): Promise<boolean> {
    const { application, seen } = one;
    const found = await lookAtApplication(application, listeners);
    one.missed = found.answers ? 0 : one.missed + 1;
    // One that restarts is not down yet.
    const { why: _, ...rest } = found;
    const state = one.missed === 1 && seen?.answers === true ? { ...rest, answers: true } : found;
    if (JSON.stringify(state) === JSON.stringify(seen)) return false;
    say(one, state);
    one.seen = state;
    return true;
  }

  function say({ name, application, seen: before }: Watched, now: ApplicationLook): void {
    const about = { application: formatApplication(application), ...(name === defaultPort ? {} : { port: name }) };
    if (now.answers && before?.answers !== true) {
      log.info({ ...about, ...defined({ listensOn: now.on }) }, 'the application answers');
    }
    if (!now.answers && before?.answers !== false) {
      log.warn(
        { ...about, reason: now.why, ...defined({ listensOn: now.on }), hint: hintOf(now) },
        'the application does not answer: callers are sent to another replica, if there is one',
      );
    }
    if (now.around.length > 0 && JSON.stringify(now.around) !== JSON.stringify(before?.around)) {
      const hint = 'have it listen on 127.0.0.1 alone, or close its port to others';
      log.warn(
        { ...about, around: placesOf(now.around, application), hint },
        'the application can be reached around this sidecar, where no policy holds',
      );
    }
  }

  async function tell(): Promise<void> {
    const states = all.map(({ name, seen = unknown }) => {
      const { answers, why, on, around } = seen;
      const told = { answers, around: around.slice(0, 16), ...defined({ why, on: on?.slice(0, 16) }) };
      return [name, told] as const;
    });
    const { [defaultPort]: own, ...named } = Object.fromEntries(states);
    try {
      const more = Object.keys(named).length === 0 ? {} : { ports: named };
      const body = async (): Promise<object> => ({ instance, run, ...own, ...more });
      await deliver({ ...servers.identity(), svid: svid(), timeoutMs, path: identityPaths.application, body });
      toldAt = clock.monotonic();
    } catch (reason) {
      log.debug({ reason: CellwallError.from(reason).message }, 'the state of the application was not reported');
    }
  }

  void turn();
  return {
    close() {
      closed = true;
      cancel();
    },
  };
}

function pauseMs(cpuMs: number): number {
  const ms = Math.min(slowestMs, Math.max(everyMs, cpuMs / shareOfCore));
  return ms * (1 - jitter + 2 * jitter * Math.random());
}

function hintOf({ on, why }: ApplicationLook): string {
  if (why === 'EACCES') return 'let the user of the sidecar open the socket: its mode, and those of its folders';
  return on === undefined
    ? 'start it, or say with --app where it listens; it is looked at every second'
    : 'something listens on its port at other addresses: correct --app, or where it listens';
}

/** Where others reach it: `10.0.0.5:8080`. */
function placesOf(around: readonly string[], application: ApplicationAddress): readonly string[] {
  if ('path' in application) return around;
  const { port } = application;
  const addresses = around.flatMap((address) => reachedAt(address));
  return [...new Set(addresses)].slice(0, maxNamed).map((address) => formatHostPort({ address, port }));
}

const maxNamed = 8;
