// Assembles what issues JWT-SVIDs, and what tells relying parties of OpenID Connect how to verify them.
import { join } from 'node:path';
import { createEntitled, type EntitledOptions } from '../identity/entitled.ts';
import { createCurrentDocuments } from '../identity/jwt/current-documents.ts';
import { createIssuedJwts, type IssuedJwt } from '../identity/jwt/issued-jwts.ts';
import { createJwtIssuer } from '../identity/jwt/jwt-issuer.ts';
import { createJwtKeys } from '../identity/jwt/jwt-keys.ts';
import { firstKeyWaitsMs, type OidcDocuments } from '../identity/jwt/oidc-documents.ts';
import { createOidcFiles } from '../identity/jwt/oidc-files.ts';
import { createOidcServer } from '../identity/jwt/oidc-server.ts';
import { keepPublished } from '../identity/publisher/keep-published.ts';
import type { PublisherStatus } from '../identity/publisher/publisher-status.ts';
import type { JwtServices } from '../identity-api/jwt-routes.ts';
import type { Clock } from '../lib/clock.ts';
import type { Countdowns } from '../lib/countdown.ts';
import { defined } from '../lib/defined.ts';
import { createEvent, type Event } from '../lib/event.ts';
import type { HostPort } from '../lib/host-port.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import { listening } from '../lib/listening.ts';
import type { Log } from '../lib/log.ts';
import { createSingleton } from '../lib/singleton.ts';
import type { Table } from '../lib/table.ts';
import type { Watchable } from '../lib/watchable.ts';
import type { OidcChoice } from './serve-options.ts';
import { openTlsFiles } from './tls-files.ts';

export interface JwtParts extends EntitledOptions {
  readonly data: string;
  readonly oidc: OidcChoice | undefined;
  /** Sealed. */
  readonly keys: Table;
  /** What was issued. */
  readonly issued: Table;
  /** For leases. */
  readonly jobs: Table;
  /** Others may use the store. */
  readonly shared: boolean;
  readonly countdowns: Pick<Countdowns, 'add'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly lifecycle: Lifecycle;
}

export interface OpenJwt {
  readonly services: JwtServices;
  /** Tokens on record, until a day after their end. */
  readonly list: () => Promise<readonly IssuedJwt[]>;
  /** Called for each that is issued. */
  readonly watch: Event<IssuedJwt>['listen'];
  /** Where its documents are served; absent if they are not. */
  readonly listens?: HostPort;
  /** Of its files, where this control plane writes them. */
  readonly published: () => readonly PublisherStatus[];
}

export async function openJwt(parts: JwtParts): Promise<OpenJwt> {
  const { data, oidc, trustDomain, policy, refuse, clock, log, lifecycle } = parts;
  const keys = await createJwtKeys({
    ...{ file: join(data, 'jwt-keys.json'), table: parts.keys, clock, log },
    ...(oidc !== undefined && { firstWaitsMs: firstKeyWaitsMs }),
  });
  lifecycle.defer('keys of JWT-SVIDs', async () => keys.close());
  const entitled = createEntitled({ trustDomain, policy, ...defined({ refuse }) });
  const { record: keep, list } = createIssuedJwts({ table: parts.issued, clock, log });
  const { tell, listen: watch } = createEvent<IssuedJwt>();
  const record = async (issued: IssuedJwt): Promise<void> => {
    await keep(issued);
    tell(issued);
  };
  const named = defined({ issuer: oidc?.issuer });
  const issuer = createJwtIssuer({ keys, entitled, trustDomain, record, clock, ...named });
  const services = { keys, issuer };
  if (oidc === undefined) return { services, list, watch, published: () => [] };
  const documents = await createCurrentDocuments({ issuer: oidc.issuer, keys, clock, log });
  lifecycle.defer('documents for relying parties', async () => documents.close());
  log.info({ issuer: oidc.issuer }, 'JWT-SVIDs name their issuer');
  const published = openFiles(parts, oidc, documents);
  const listens = await listenFor(parts, oidc, documents);
  return { services, list, watch, published, ...defined({ listens }) };
}

const hint = '--oidc-tls-cert and --oidc-tls-key are PEM files that this user can read';

async function listenFor(
  { countdowns, clock, log, lifecycle }: JwtParts,
  { issuer, listen: address, tls: files }: OidcChoice,
  documents: Watchable<OidcDocuments>,
): Promise<HostPort | undefined> {
  if (address === undefined) return undefined;
  const kept = files === undefined ? undefined : openTlsFiles({ files, port: 'the OIDC port', hint, clock, log });
  const server = createOidcServer({ issuer, documents, tls: kept?.first });
  countdowns.add(() => kept?.countdowns('oidc') ?? []);
  const unwatch = kept?.watch(server.rotate);
  lifecycle.defer('OIDC port', async () => {
    unwatch?.();
    await server.close();
  });
  return listening({ what: 'relying parties', flag: '--oidc-listen', address }, () => server.listen(address));
}

/** Of replicas that share a store, one writes them. */
function openFiles(
  { jobs, shared, clock, log, lifecycle }: JwtParts,
  { files }: OidcChoice,
  documents: Watchable<OidcDocuments>,
): () => readonly PublisherStatus[] {
  if (files === undefined) return () => [];
  const publisher = createOidcFiles(files);
  const what = 'what relying parties read';
  let running: ReturnType<typeof keepPublished> | undefined;
  const begin = (): (() => void) => {
    const begun = keepPublished({ name: `oidc:${files}`, publisher, bundle: documents, what, clock, log });
    running = begun;
    return () => {
      begun.close();
      running = undefined;
    };
  };
  if (shared) {
    const one = createSingleton({ table: jobs, lease: 'oidc files', clock, log, begin });
    lifecycle.defer('files for relying parties', one.stop);
  } else {
    const end = begin();
    lifecycle.defer('files for relying parties', async () => end());
  }
  return () => (running === undefined ? [] : [running.status()]);
}
