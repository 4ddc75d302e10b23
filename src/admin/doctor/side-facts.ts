// What is known of the proxies of one side of a call. Pure.
import type { CertificateFacts, ProxyFacts, RejectedFact, SideFacts } from '../../doctor/facts.ts';
import { defined } from '../../lib/defined.ts';
import { defaultPort } from '../../lib/port-name.ts';
import type { PortIr } from '../../policy/ir.ts';
import type { IssuedCertificate } from '../wire-certificates.ts';
import type { ProxyRow } from '../wire-proxies.ts';
import type { RefusedSvidRow } from '../wire-refused-svids.ts';

/** What is known of every proxy and identity, to be looked up many times. */
export interface KnownSides {
  readonly rows: ReadonlyMap<string, readonly ProxyRow[]>;
  readonly issued: ReadonlyMap<string, IssuedCertificate>;
  readonly refused: ReadonlyMap<string | undefined, readonly RefusedSvidRow[]>;
  readonly now: number;
}

/** Many edges are looked into with the same lists, which nobody changes. */
const byIdentity = new WeakMap<object, KnownSides['rows']>();
const bySerial = new WeakMap<object, KnownSides['issued']>();

function onceFor<T>(list: object, kept: WeakMap<object, T>, make: () => T): T {
  const known = kept.get(list) ?? make();
  kept.set(list, known);
  return known;
}

export function knownSides(
  rows: readonly ProxyRow[],
  issued: readonly IssuedCertificate[],
  refused: readonly RefusedSvidRow[],
  now: number,
): KnownSides {
  return {
    rows: onceFor(rows, byIdentity, () => Map.groupBy(rows, ({ spiffeId }) => spiffeId)),
    issued: onceFor(issued, bySerial, () => new Map(issued.map((one) => [one.serial, one]))),
    refused: Map.groupBy(refused, ({ spiffeId }) => spiffeId),
    now,
  };
}

export interface SideParts {
  readonly who: string;
  /** SPIFFE ID. Absent: nobody's. */
  readonly id: string | undefined;
  /** The port that is called; absent for the caller's side. */
  readonly port?: PortIr;
  readonly known: KnownSides;
}

const hourMs = 3_600_000;

export function sideFacts({ who, id, port, known: { rows, issued, refused, now } }: SideParts): SideFacts {
  if (id === undefined) return { who, proxies: [], refusedSvids: [] };
  return {
    who,
    proxies: (rows.get(id) ?? [])
      .toSorted((a, b) => Number(b.state === 'connected') - Number(a.state === 'connected'))
      .map((row) => proxyFacts(row, port?.port ?? defaultPort, issued)),
    refusedSvids: (refused.get(id) ?? [])
      .filter(({ lastAt }) => lastAt > now - hourMs)
      .map(({ reason, lastAt }) => ({ reason, at: lastAt })),
  };
}

function proxyFacts(row: ProxyRow, port: string, bySerial: ReadonlyMap<string, IssuedCertificate>): ProxyFacts {
  const { node, state, since, ready, certificate, clockOffsetMs = 0, types, takenPorts = [] } = row;
  const place = port === defaultPort ? row : row.ports?.find(({ name }) => name === port);
  const { inbound, application, applicationState } = place ?? {};
  const notRegistered = place?.notRegistered ?? row.notRegistered;
  return {
    ...{ node, state, since, ready, clockOffsetMs, takenPorts },
    takesCalls: ready && inbound !== undefined && notRegistered === undefined && state !== 'gone',
    rejected: types.flatMap(rejectedOf),
    unanswered: types
      .filter(({ nack, sentRevision = 0, ackedRevision = 0 }) => nack === undefined && sentRevision > ackedRevision)
      .map(({ typeUrl }) => shortType(typeUrl)),
    ...defined({
      ...{ inbound, notRegistered, application, applicationState },
      ...{ withheld: row.withheld, outdated: row.outdated, contested: row.contested },
      certificate: certificate === undefined ? undefined : certificateFacts(certificate, bySerial),
    }),
  };
}

function certificateFacts(
  { serial, notAfter }: NonNullable<ProxyRow['certificate']>,
  bySerial: ReadonlyMap<string, IssuedCertificate>,
): CertificateFacts {
  const { notBefore, root } = bySerial.get(serial) ?? {};
  return { serial, notAfter, ...defined({ notBefore, root }) };
}

function rejectedOf({ typeUrl, nack }: ProxyRow['types'][number]): readonly RejectedFact[] {
  if (nack === undefined) return [];
  return [
    {
      type: shortType(typeUrl),
      message: nack.message,
      resources: nack.resources.map(({ name }) => name),
      madeBy: [
        ...new Set(
          nack.resources.flatMap(({ madeBy }) =>
            madeBy.map(({ document, source }) => `${document} (${source.file}:${source.line})`),
          ),
        ),
      ].slice(0, 5),
    },
  ];
}

function shortType(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('.') + 1);
}
