// Vault's PKI, or OpenBao's: an issuer of a mount certifies the intermediate.
// https://openbao.org/api-docs/secret/pki/#sign-intermediate
import { readFileSync } from 'node:fs';
import { boundedCall } from '../../lib/bounded-call.ts';
import type { AuthorityDeps, AuthorityKind, UpstreamAuthority } from '../upstream-authority.ts';
import { requested, textAt, textsAt, withoutRoots } from './requested.ts';
import { watchUpstreamRoots } from './upstream-roots.ts';

export const vault: AuthorityKind = {
  options: {
    address: { description: 'as in https://vault.example.org:8200', required: true },
    'token-file': { description: 'file of a token that may use sign-intermediate; read at each call', required: true },
    mount: { description: 'of the PKI engine; default pki' },
    issuer: { description: 'name of the issuer there; default: its default one' },
    namespace: { description: 'of Vault Enterprise or OpenBao' },
    'ca-file': { description: 'PEM file to verify its TLS certificate by; default: the roots of the system' },
    roots: { description: 'PEM file of the roots, if the mount does not know them' },
  },
  create: createVaultAuthority,
};

async function createVaultAuthority({ options, trustDomain, clock, log }: AuthorityDeps): Promise<UpstreamAuthority> {
  const option = (name: string): string | undefined => options[name]?.reveal();
  const [address, mount, issuer] = [option('address') ?? '', option('mount') ?? 'pki', option('issuer') ?? 'default'];
  const base = `${address.replace(/\/+$/, '')}/v1/${mount.replace(/^\/+|\/+$/g, '')}`;
  const [caFile, rootsFile, namespace] = [option('ca-file'), option('roots'), option('namespace')];

  function call(path: string, body?: object): Promise<string> {
    return boundedCall({
      who: 'the CA',
      url: `${base}/${path}`,
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        // Read each time: an agent of Vault renews it.
        'x-vault-token': readFileSync(option('token-file') ?? '', 'utf8').trim(),
        ...(namespace !== undefined && { 'x-vault-namespace': namespace }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(caFile !== undefined && { ca: readFileSync(caFile, 'utf8') }),
    });
  }
  const chainOf = async (): Promise<readonly string[]> => {
    const answer = await call(`issuer/${encodeURIComponent(issuer)}`);
    return [textAt(answer, 'data', 'certificate'), ...textsAt(answer, 'data', 'ca_chain')];
  };
  const ask = async (): Promise<string> =>
    rootsFile === undefined ? (await chainOf()).join('\n') : readFileSync(rootsFile, 'utf8');
  const { roots, close } = await watchUpstreamRoots(ask, { clock, log });
  return {
    roots: () => roots,
    async mintIntermediate(request) {
      // Nothing is asked for a request that is not good.
      requested(request, trustDomain, []);
      const { csr, commonName, uri, notAfter } = requested(request, trustDomain, await chainOf());
      const answer = await call(`issuer/${encodeURIComponent(issuer)}/sign-intermediate`, {
        ...{ csr, common_name: commonName, uri_sans: uri, exclude_cn_from_sans: true, use_csr_values: false },
        ...{ max_path_length: 0, format: 'pem', not_after: notAfter.toISOString() },
      });
      return withoutRoots(
        [textAt(answer, 'data', 'certificate'), ...textsAt(answer, 'data', 'ca_chain')],
        roots.value(),
      );
    },
    close: async () => close(),
  };
}
