// The admin API's TLS port: with the control plane's own SVID, or with files that somebody else renews; and who counts as an operator
// there.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { AdminApi } from '../admin/admin-api.ts';
import type { OperatorCheck } from '../admin/credential.ts';
import type { TlsCredentials } from '../admin/tls-door.ts';
import { operatorRole } from '../identity/operator.ts';
import { bundlePem } from '../identity/trust-bundle.ts';
import { nodeKeyOf } from '../identity/x509/node-key-extension.ts';
import { verifySvid } from '../identity/x509/verify-svid.ts';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { HostPort } from '../lib/host-port.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import { listening } from '../lib/listening.ts';
import type { Log } from '../lib/log.ts';
import { Redacted } from '../lib/redacted.ts';
import type { TrustDomain } from '../model/spiffe-id.ts';
import type { IdentityServices } from './identity.ts';
import type { ServeOptions } from './serve-options.ts';

export interface AdminTlsParts {
  readonly options: NonNullable<ServeOptions['adminTls']>;
  readonly api: AdminApi;
  readonly identity: IdentityServices;
  readonly trustDomain: TrustDomain;
  readonly clock: Clock;
  readonly log: Log;
  readonly lifecycle: Lifecycle;
}

const lookMs = 60_000;

/** Resolves with the address and the actual port. A file that changed is used from the next handshake on. */
export async function openAdminTls(parts: AdminTlsParts): Promise<HostPort> {
  const { options, api, identity, clock, log, lifecycle } = parts;
  const { address, names, files } = options;
  const own = (): TlsCredentials => {
    const { chain, key } = identity.server.current();
    if (key === undefined) throw new CellwallError('internal', 'the server certificate has no key');
    return { certificate: chain, key };
  };
  let credentials = files === undefined ? own() : readFiles(files);
  const bound = await listening({ what: 'the admin API', flag: '--admin-tls-listen', address }, () =>
    api.listenTls({ address, credentials, names, operatorOf: operatorCheck(parts) }),
  );
  if (files === undefined) {
    const unwatch = identity.server.watch(() => api.rotate(own()));
    lifecycle.defer('admin certificate', async () => unwatch());
    return bound;
  }
  let cancel = (): void => undefined;
  const look = (): void => {
    cancel = clock.after(lookMs, () => {
      try {
        const found = readFiles(files);
        if (found.certificate !== credentials.certificate) {
          api.rotate(found);
          credentials = found;
          log.info({ certificate: files.certificate }, 'the admin port has a new certificate');
        }
      } catch (reason) {
        log.error({ reason: CellwallError.from(reason).message }, 'the admin port keeps its old certificate');
      }
      look();
    });
  };
  look();
  lifecycle.defer('admin certificate', async () => cancel());
  return bound;
}

function operatorCheck({ identity, trustDomain, clock }: AdminTlsParts): OperatorCheck {
  return async (chain) => {
    const bundle = bundlePem(identity.bundle.value());
    const { spiffeId, leaf, issuers } = verifySvid({ chain, bundle, trustDomain, now: clock.now() });
    const nodeKey = nodeKeyOf(leaf.raw);
    if (nodeKey !== undefined) identity.nodes.check(nodeKey);
    identity.bans.check({ spiffeId, nodeKey });
    identity.followerIssuers.refuse([leaf, ...issuers]);
    const role = operatorRole(spiffeId, trustDomain);
    if (role !== undefined) return { name: spiffeId, role, rawResources: false };
    throw new CellwallError('permission_denied', `${spiffeId} is not an operator`);
  };
}

/** Both are read before either is used: if only one of them is new, they do not match. */
function readFiles({ certificate, key }: { readonly certificate: string; readonly key: string }): TlsCredentials {
  try {
    const [chain, secret] = [readFileSync(certificate, 'utf8'), readFileSync(key, 'utf8')];
    if (new X509Certificate(chain).checkPrivateKey(createPrivateKey(secret))) {
      return { certificate: chain, key: new Redacted(secret) };
    }
  } catch (cause) {
    throw unusable(certificate, key, 'cannot be read', cause);
  }
  throw unusable(certificate, key, 'are not of one pair');
}

function unusable(certificate: string, key: string, why: string, cause?: unknown): CellwallError {
  return new CellwallError('failed_precondition', `the certificate ${certificate} and the key ${key} ${why}`, {
    hint: '--admin-tls-cert and --admin-tls-key are PEM files that this user can read; without them the control plane uses its own SVID',
    cause,
  });
}
