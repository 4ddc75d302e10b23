// Evidence of who was given an identity, and who was refused one. Nobody waits for it: a certificate that cannot be put on record is
// issued all the same, or a full disk would end every call of the mesh, and what is missing is told (audit/background.ts).
import type { AuditEvent } from '../audit/audit-event.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import { createBackgroundRecorder } from '../audit/background.ts';
import type { AttestedLog } from '../identity/attested-log.ts';
import type { IssuedCertificate } from '../identity/issued-log.ts';
import type { Issuer } from '../identity/issuer.ts';
import type { ServerSvid } from '../identity/server-svid.ts';
import { createStatementSigner } from '../identity/statement-signer.ts';
import type { RefusedSvids } from '../identity-api/refused-svids.ts';
import { clip } from '../lib/clip.ts';
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import type { Log } from '../lib/log.ts';
import { createSeenLately } from '../lib/seen-lately.ts';
import { sourceOf } from '../lib/source-of.ts';
import { trustDomainOf } from '../model/spiffe-id.ts';
import type { Metrics } from '../observe/metrics.ts';
import { createCountedBeyond } from './counted-beyond.ts';
import { createLastCounts } from './last-counts.ts';
import type { OpenJwt } from './open-jwt.ts';

export interface RecordIdentitiesDeps {
  readonly identity: {
    readonly issuer: Pick<Issuer, 'watch' | 'issue'>;
    readonly attested: Pick<AttestedLog, 'watch'>;
    readonly refusedSvids: Pick<RefusedSvids, 'watch'>;
    readonly server: Pick<ServerSvid, 'current'>;
    readonly jwt: Pick<OpenJwt, 'watch'>;
  };
  readonly audit: Pick<AuditLog, 'append' | 'signWith'>;
  readonly metrics: Pick<Metrics, 'svidIssued' | 'svidRefused' | 'watchAuditLosses'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly lifecycle: Pick<Lifecycle, 'defer'>;
}

type Row = Extract<AuditEvent, { kind: 'certificates-issued' }>['issued'][number];

/** Certificates of one record. */
const mostRows = 200;
const gatherMs = 1000;
/** What is repeated is recorded again after this time, and counted meanwhile. */
const againMs = 3_600_000;
const mostRemembered = 10_000;
/** Of the certificate for checkpoints. */
const lifetimeMs = 86_400_000;
const [longest, longestAudience, mostWhy] = [500, 200, 3];

/** Checkpoints of the log are signed from now on, too. */
export function recordIdentities(deps: RecordIdentitiesDeps): void {
  const { identity, audit, metrics, clock, log, lifecycle } = deps;
  const background = createBackgroundRecorder({ append: audit.append, clock, log, lifecycle });
  metrics.watchAuditLosses(background.lost);
  let rows: Row[] = [];
  let waiting: (() => void) | undefined;
  const flush = (): void => {
    waiting?.();
    waiting = undefined;
    if (rows.length === 0) return;
    const issued = rows;
    rows = [];
    background.note({ kind: 'certificates-issued', issued });
  };
  lifecycle.defer('issued certificates', async () => flush());
  const { serial, spiffeId: own, notAfter } = identity.server.current();
  rows.push({ serial, spiffeId: own, notAfter: notAfter.toISOString(), how: 'own' });
  waiting = clock.after(gatherMs, flush);
  identity.issuer.watch((certificate) => {
    metrics.svidIssued();
    rows.push(rowOf(certificate));
    if (rows.length >= mostRows) flush();
    else waiting ??= clock.after(gatherMs, flush);
  });

  identity.attested.watch(({ attestor, spiffeId, nodeKey, address, token, values }) => {
    const about = { attestor, spiffeId, nodeKey, address, proved: values };
    background.note({ kind: 'host-attested', ...about, ...defined({ token }) });
  });

  const tokens = createLastCounts({ clock, everyMs: againMs, most: mostRemembered });
  identity.jwt.watch(({ spiffeId, audience, nodeKey, address }) => {
    const about = { spiffeId, audience: audience.map((one) => clip(one, longestAudience)), ...defined({ nodeKey }) };
    const count = tokens.take(JSON.stringify(about));
    if (count > 0) background.note({ kind: 'jwt-svids-issued', ...about, ...defined({ address }), count });
  });

  const refused = createCountedBeyond({
    ...{ clock, lifecycle, name: 'refused SVIDs' },
    summarize: (count, reasons) => background.note({ kind: 'svids-refused', count, reasons }),
  });
  const seen = createSeenLately({ clock, forMs: againMs, most: mostRemembered });
  identity.refusedSvids.watch(({ by, address, attestor, spiffeId, nodeKey, failed, why, exchanges }) => {
    metrics.svidRefused(failed.code);
    // Those of jobs have records of their own.
    if (exchanges === true) return;
    const reason = clip(failed.message, longest);
    // Whoever is refused asks again, every few seconds.
    const key = JSON.stringify([by, sourceOf(clip(address, 64)), attestor, spiffeId, nodeKey, failed.code]);
    if (seen.has(key)) return refused.count(reason);
    if (!refused.take(reason)) return;
    seen.add(key);
    background.note({
      ...{ kind: 'svid-refused', by, address: clip(address, 64), code: failed.code, reason },
      why: why.slice(0, mostWhy).map((one) => clip(one, longest)),
      ...defined({
        attestor: attestor === undefined ? undefined : clip(attestor, 64),
        spiffeId,
        nodeKey: nodeKey === undefined ? undefined : clip(nodeKey, 64),
      }),
    });
  });
  const trustDomain = trustDomainOf(own);
  const signer = createStatementSigner({ kind: 'checkpoint', issuer: () => identity.issuer, clock, lifetimeMs });
  audit.signWith({ key: () => signer.key(trustDomain) });
  // Now, as what certifies ends before the log does. If that fails, it is asked for again with each checkpoint.
  signer.key(trustDomain).catch((reason: unknown) => {
    log.warn({ reason: CellwallError.from(reason).message }, 'no certificate for checkpoints of the audit log yet');
  });
}

function rowOf(certificate: IssuedCertificate): Row {
  const { serial, spiffeId, notAfter, how, attestor, nodeKey, node, address } = certificate;
  return { serial, spiffeId, notAfter, ...defined({ how, attestor, nodeKey, node, address }) };
}
