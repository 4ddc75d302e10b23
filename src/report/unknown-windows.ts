// Times in which calls of a service may be missing in the record, and why. Pure.
import { defined } from '../lib/defined.ts';
import type { ServiceCoverage } from '../observe/coverage.ts';

export interface UnknownWindow {
  readonly service: string;
  /** Only of this port. */
  readonly port?: string;
  /** Of this proxy; absent: of all. */
  readonly node?: string;
  /** Epoch milliseconds, within the time that is asked about. */
  readonly from: number;
  /** Absent: it lasts. */
  readonly to?: number;
  readonly why: string;
}

export interface WindowSources {
  readonly service: string;
  readonly since: number;
  /** Of another trust domain: it has no proxy here. */
  readonly external: boolean;
  readonly coverage: ServiceCoverage | undefined;
  /** When the youngest call that was dropped for lack of room was seen; 0: none was. */
  readonly lostUntil: number;
  readonly silent: readonly string[];
}

export function unknownWindows(sources: WindowSources): readonly UnknownWindow[] {
  const { service, since, external, coverage, lostUntil, silent } = sources;
  const first = coverage?.since;
  if (external) return [{ service, from: since, why: 'it is of another trust domain, and has no proxy here' }];
  if (coverage === undefined || first === undefined) {
    return [{ service, from: since, why: 'no proxy of it has been connected' }];
  }
  const late = first > since ? [{ service, from: since, to: first, why: 'before its first proxy was connected' }] : [];
  const ports = coverage.ports
    .filter((port) => port.since > Math.max(since, first))
    .map(({ name, since: to }) => {
      return { service, port: name, from: since, to, why: 'before a proxy was in front of this port' };
    });
  const gaps = coverage.gaps.map(({ node, from, to, missing }) => ({
    ...{ service, node, from: Math.max(from, since), ...defined({ to }) },
    why:
      missing === undefined
        ? 'the proxy was not connected to the control plane'
        : `its access log told ${missing.told} of ${missing.counted} ${missing.what}`,
  }));
  const left = (coverage.goneGaps ?? []).map(({ node, from, to }) => {
    return { service, node, from: Math.max(from, since), to, why: 'the proxy was not connected; it is gone by now' };
  });
  const { forgotUntil = 0 } = coverage;
  const forgot =
    forgotUntil > since
      ? [{ service, from: since, to: forgotUntil, why: 'its proxies were not connected more often than is kept' }]
      : [];
  const lost =
    lostUntil > since ? [{ service, from: since, to: lostUntil, why: 'no room was left in the record' }] : [];
  const untold = silent.map((replica) => {
    return { service, from: since, why: `the control plane ${replica} did not tell what it recorded` };
  });
  return [...late, ...ports, ...gaps, ...left, ...forgot, ...lost, ...untold];
}

/** How long, for each service once. */
export function unknownMs(windows: readonly UnknownWindow[], now: number): number {
  const services = new Set(windows.map(({ service }) => service));
  return [...services].reduce(
    (sum, service) =>
      sum +
      unionMs(
        windows.filter((one) => one.service === service),
        now,
      ),
    0,
  );
}

function unionMs(windows: readonly UnknownWindow[], now: number): number {
  let sum = 0;
  let end = Number.NEGATIVE_INFINITY;
  for (const { from, to = now } of windows.toSorted((a, b) => a.from - b.from)) {
    sum += Math.max(0, to - Math.max(from, end));
    end = Math.max(end, to);
  }
  return sum;
}
