// A SPIRE server of the same trust domain certifies the intermediate, as it does for SPIRE servers below it: workloads of both then have
// the same roots. https://github.com/spiffe/spire-api-sdk/blob/main/proto/spire/api/server/svid/v1/svid.proto
import { connect } from 'node:tls';
import { CellwallError } from '../../lib/errors.ts';
import { callGrpc } from '../../lib/grpc-client.ts';
import { parseHostPort } from '../../lib/host-port.ts';
import { trustDomainUri } from '../../model/spiffe-id.ts';
import type { AuthorityDeps, AuthorityKind, UpstreamAuthority } from '../upstream-authority.ts';
import { fromPem, toPem } from '../x509/pem.ts';
import { uriSans } from '../x509/uri-sans.ts';
import { requested, withoutRoots } from './requested.ts';
import { bytesField, numberField, readFields } from './spire/fields.ts';
import { fetchOwnSvid, type OwnSvid } from './spire/own-svid.ts';
import { watchUpstreamRoots } from './upstream-roots.ts';

export const spire: AuthorityKind = {
  options: {
    server: { description: 'HOST:PORT of the SPIRE server', required: true },
    'workload-api': { description: 'socket of a SPIRE agent here, as in unix:/run/spire/agent.sock', required: true },
    'spiffe-id': { description: 'which SVID of the agent, if it gives several; default: the first' },
  },
  create: createSpireAuthority,
};

/** The agent is on this host; a root is there for hours before it signs. */
const rootsEveryMs = 60_000;
/** SPIRE's limit is its own CA; the field's is 2³¹ s. */
const longestS = 365 * 86_400;
/** What the way there takes, and clocks that differ: it counts from its own time. */
const slackS = 2;

async function createSpireAuthority({ options, trustDomain, clock, log }: AuthorityDeps): Promise<UpstreamAuthority> {
  const option = (name: string): string | undefined => options[name]?.reveal();
  const server = parseHostPort(option('server') ?? '');
  if (server === undefined) throw new CellwallError('invalid_argument', 'the option "server" is not HOST:PORT');
  const domain = trustDomainUri(trustDomain);

  async function ownSvid(): Promise<OwnSvid> {
    const svid = await fetchOwnSvid(option('workload-api') ?? '', option('spiffe-id'));
    if (svid.spiffeId.startsWith(`${domain}/`)) return svid;
    throw new CellwallError('failed_precondition', `the SPIRE agent is of another trust domain than ${domain}`, {
      hint: 'SPIRE certifies CAs of its own trust domain only; for another one, federate',
    });
  }
  const ask = async (): Promise<string> => (await ownSvid()).roots;
  const { roots, close } = await watchUpstreamRoots(ask, { clock, log, everyMs: rootsEveryMs });
  return {
    roots: () => roots,
    async mintIntermediate(request) {
      const { csr, notAfter } = requested(request, trustDomain, []);
      const { chain, keyPem, roots: ca } = await ownSvid();
      const seconds = Math.floor((notAfter.getTime() - clock.now()) / 1000) - slackS;
      const [der = Buffer.alloc(0)] = fromPem(csr, 'CERTIFICATE REQUEST');
      const answer = await callGrpc({
        who: `the SPIRE server at ${option('server')}`,
        method: '/spire.api.server.svid.v1.SVID/NewDownstreamX509CA',
        message: Buffer.concat([bytesField(1, der), numberField(2, Math.max(1, Math.min(longestS, seconds)))]),
        connect: () =>
          connect({
            ...{ host: server.host, port: server.port, ca, cert: chain, key: keyPem, ALPNProtocols: ['h2'] },
            // It has a name of SPIFFE alone.
            checkServerIdentity: (_, { raw }) =>
              uriSans(raw).join() === `${domain}/spire/server` ? undefined : new Error('it is not the SPIRE server'),
          }),
      });
      const minted = (readFields(answer).get(1) ?? []).map((one) => toPem(one, 'CERTIFICATE'));
      if (minted.length === 0) throw new CellwallError('failed_precondition', 'the SPIRE server certified nothing');
      return withoutRoots(minted, roots.value());
    },
    close: async () => close(),
  };
}
