// This control plane's own SVID in SPIRE's trust domain, from the agent beside it by the Workload API.
// https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE_Workload_API.md
import { createPrivateKey } from 'node:crypto';
import { connect } from 'node:net';
import { CellwallError } from '../../../lib/errors.ts';
import { callGrpc } from '../../../lib/grpc-client.ts';
import { parseSocketPath } from '../../../lib/socket-path.ts';
import { readDer } from '../../x509/der.ts';
import { toPem } from '../../x509/pem.ts';
import { readFields } from './fields.ts';

export interface OwnSvid {
  readonly spiffeId: string;
  /** PEM, leaf first. */
  readonly chain: string;
  /** PEM, PKCS#8: a secret. */
  readonly keyPem: string;
  /** PEM of the roots of its trust domain. */
  readonly roots: string;
}

/** `wanted`: the SPIFFE ID of one of several; default: the first. Throws `unavailable` while the agent does not answer, or gives none. */
export async function fetchOwnSvid(socket: string, wanted: string | undefined): Promise<OwnSvid> {
  const at = parseSocketPath(socket);
  if (at === undefined) {
    throw new CellwallError(
      'invalid_argument',
      'the option "workload-api" is no socket, as in unix:/run/spire/agent.sock',
    );
  }
  const answer = await callGrpc({
    who: 'the SPIRE agent',
    connect: () => connect(at.path),
    method: '/SpiffeWorkloadAPI/FetchX509SVID',
    metadata: { 'workload.spiffe.io': 'true' },
    message: Buffer.alloc(0),
  });
  const svids = (readFields(answer).get(1) ?? []).map((one) => {
    const fields = readFields(one);
    const field = (number: number): Buffer => fields.get(number)?.[0] ?? Buffer.alloc(0);
    return { spiffeId: field(1).toString('utf8'), chain: field(2), key: field(3), roots: field(4) };
  });
  const found = wanted === undefined ? svids[0] : svids.find(({ spiffeId }) => spiffeId === wanted);
  if (found === undefined) {
    const why = svids.length === 0 ? 'it gives no SVID' : `it gives no SVID of ${wanted}`;
    throw new CellwallError('unavailable', `the SPIRE agent: ${why}`, {
      hint: 'has this process an entry with -downstream, and is it the one that its selectors match?',
    });
  }
  return {
    spiffeId: found.spiffeId,
    chain: pemOf(found.chain),
    keyPem: keyPemOf(found.key),
    roots: pemOf(found.roots),
  };
}

/** Of certificates one after the other. */
function pemOf(certificates: Buffer): string {
  return readDer(certificates)
    .map(({ raw }) => toPem(raw, 'CERTIFICATE'))
    .join('');
}

function keyPemOf(der: Buffer): string {
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
      .export({ format: 'pem', type: 'pkcs8' })
      .toString();
  } catch {
    // What OpenSSL says may quote it.
    throw new CellwallError('failed_precondition', 'the SPIRE agent: the key of its SVID cannot be read');
  }
}
