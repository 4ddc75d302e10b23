// The admin API's TLS port: with the control plane's own SVID, or with files that somebody else renews; and who counts as an operator
// there.
import type { AdminApi } from '../admin/admin-api.ts';
import type { OperatorCheck } from '../admin/credential.ts';
import type { TlsCredentials } from '../admin/tls-door.ts';
import { operatorRole } from '../identity/operator.ts';
import { bundlePem } from '../identity/trust-bundle.ts';
import { nodeKeyOf } from '../identity/x509/node-key-extension.ts';
import { verifySvid } from '../identity/x509/verify-svid.ts';
import type { Clock } from '../lib/clock.ts';
import type { Countdowns } from '../lib/countdown.ts';
import { CellwallError } from '../lib/errors.ts';
import type { HostPort } from '../lib/host-port.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import { listening } from '../lib/listening.ts';
import type { Log } from '../lib/log.ts';
import type { TrustDomain } from '../model/spiffe-id.ts';
import type { IdentityServices } from './identity.ts';
import type { ServeOptions } from './serve-options.ts';
import { openTlsFiles } from './tls-files.ts';

export interface AdminTlsParts {
  readonly options: NonNullable<ServeOptions['adminTls']>;
  readonly api: AdminApi;
  readonly identity: IdentityServices;
  readonly trustDomain: TrustDomain;
  readonly countdowns: Pick<Countdowns, 'add'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly lifecycle: Lifecycle;
}

const hint =
  '--admin-tls-cert and --admin-tls-key are PEM files that this user can read; without them the control plane uses its own SVID';

/** Resolves with the address and the actual port. A file that changed is used from the next handshake on. */
export async function openAdminTls(parts: AdminTlsParts): Promise<HostPort> {
  const { options, api, identity, clock, log, lifecycle } = parts;
  const { address, names, files } = options;
  const own = (): TlsCredentials => {
    const { chain, key } = identity.server.current();
    if (key === undefined) throw new CellwallError('internal', 'the server certificate has no key');
    return { certificate: chain, key };
  };
  const kept = files === undefined ? undefined : openTlsFiles({ files, port: 'the admin port', hint, clock, log });
  const credentials = kept?.first ?? own();
  const bound = await listening({ what: 'the admin API', flag: '--admin-tls-listen', address }, () =>
    api.listenTls({ address, credentials, names, operatorOf: operatorCheck(parts) }),
  );
  parts.countdowns.add(() => kept?.countdowns('admin') ?? []);
  const unwatch = kept?.watch(api.rotate) ?? identity.server.watch(() => api.rotate(own()));
  lifecycle.defer('admin certificate', async () => unwatch());
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
