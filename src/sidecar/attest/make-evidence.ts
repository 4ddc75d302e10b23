// Evidence of this host for an attestor, by the attestor's name. Made anew for each attempt: tokens are short-lived.
import { readFileSync } from 'node:fs';
import { CellwallError } from '../../lib/errors.ts';
import { checkNamedOptions, type NamedOption, type NamedValues } from '../../lib/named-options.ts';
import { checkRoots } from './read-roots.ts';

export type HostEvidence = { readonly attestor: string } & Readonly<Record<string, string>>;

export interface EvidenceSource {
  readonly attestor: string;
  /** PEM of the roots of the trust domain: whom this host believes before it has an SVID. */
  readonly roots: string;
  /** `nodeKey`: SHA-256 of its SubjectPublicKeyInfo, hex. */
  make(nodeKey: string): Promise<HostEvidence>;
}

interface EvidenceKind {
  readonly options: Readonly<Record<string, NamedOption>>;
  load(): Promise<
    (options: Readonly<Record<string, string>>, nodeKey: string) => Promise<Readonly<Record<string, string>>>
  >;
}

const tokenFile = '/var/run/secrets/tokens/cellwall';

/** What `--attest` may name, with its `--attest-option`s. */
export const evidenceKinds: Readonly<Record<string, EvidenceKind>> = {
  'x509-pop': {
    options: {
      certificate: { description: 'PEM file: the certificate of this host, with its chain', required: true },
      key: { description: 'PEM file: its key', required: true },
    },
    load: async () => (await import('./x509-pop.ts')).proveX509,
  },
  kubernetes: {
    options: { token: { description: `file of the projected token; default ${tokenFile}` } },
    load:
      async () =>
      async ({ token = tokenFile }) => ({ token: readFileSync(token, 'utf8').trim() }),
  },
  'gcp-instance': {
    options: {
      audience: { description: 'as the control plane expects it', required: true },
      metadata: { description: 'address of the metadata server; default http://metadata.google.internal' },
    },
    load: async () => (await import('./metadata.ts')).gcpIdentity,
  },
  'aws-instance': {
    options: { metadata: { description: 'address of the metadata server; default http://169.254.169.254' } },
    load: async () => (await import('./metadata.ts')).awsDocument,
  },
};

/** Throws `invalid_argument` for a name or options that are not there. `bundle`: the file of the roots. */
export function evidenceSource(attestor: string, given: NamedValues, bundle: string): EvidenceSource {
  const kind = Object.hasOwn(evidenceKinds, attestor) ? evidenceKinds[attestor] : undefined;
  if (kind === undefined) {
    throw new CellwallError('invalid_argument', `no attestor "${attestor}"`, {
      hint: `there are: ${Object.keys(evidenceKinds).join(', ')}`,
    });
  }
  checkNamedOptions(`the attestor "${attestor}"`, '--attest-option', kind.options, given);
  const options = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, value.reveal()]));
  return {
    attestor,
    roots: readRoots(bundle),
    make: async (nodeKey) => ({ attestor, ...(await (await kind.load())(options, nodeKey)) }),
  };
}

function readRoots(file: string): string {
  try {
    return checkRoots(readFileSync(file, 'utf8'), file);
  } catch (cause) {
    if (cause instanceof CellwallError) throw cause;
    throw new CellwallError(
      'invalid_argument',
      `--trust-bundle: ${cause instanceof Error ? cause.message : String(cause)}`,
    );
  }
}
