// A virtual machine of AWS, by its instance identity document, which AWS signs with the key of the region.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-identity-documents.html
import { verify, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { CellwallError } from '../../lib/errors.ts';
import { fromPem } from '../x509/pem.ts';
import type { Attestor, AttestorDeps } from './attestor.ts';
import { useOnce } from './one-use.ts';

const text = z.string().min(1).max(256);
const documentSchema = z.looseObject({
  accountId: z.string().regex(/^\d{12}$/),
  region: text,
  availabilityZone: text,
  instanceId: z.string().regex(/^i-[0-9a-f]{8,17}$/),
  imageId: text,
  instanceType: text,
});

/**
 * The evidence is `document`, as text, and `signature` (base64, RSA and SHA-256). Both stay the same for the life of the instance, and any
 * program on it can read them: so they belong to the first node key that presents them, for ever.
 */
export function createAwsInstanceAttestor({ options, tokens }: AttestorDeps): Attestor | undefined {
  const own = options['aws-instance'];
  if (own === undefined) return undefined;
  const certificates = fromPem(readFileSync(own.certificates, 'utf8'), 'CERTIFICATE').map(
    (der) => new X509Certificate(der),
  );
  if (certificates.length === 0) {
    throw new CellwallError('invalid_argument', `aws-instance: ${own.certificates} holds no certificate`);
  }
  const accounts = new Set(own.accounts);
  return {
    async attest({ document, signature }, { nodeKey }) {
      if (
        typeof document !== 'string' ||
        typeof signature !== 'string' ||
        document.length > 8192 ||
        signature.length > 1024
      ) {
        throw refused('the evidence is not a document and a signature');
      }
      const bytes = Buffer.from(signature, 'base64');
      const isSigned = certificates.some(
        ({ publicKey }) =>
          publicKey.asymmetricKeyType === 'rsa' && verify('sha256', Buffer.from(document), publicKey, bytes),
      );
      if (!isSigned)
        throw refused('AWS did not sign this document, or the certificate of its region is not known here');
      const { data: about } = documentSchema.safeParse(jsonOf(document));
      if (about === undefined) throw refused('the document is not that of an instance');
      if (!accounts.has(about.accountId)) throw refused('the instance is of an account that is not accepted here');
      await useOnce(tokens, { name: `aws:${about.accountId}:${about.region}:${about.instanceId}`, nodeKey });
      return {
        attestor: 'aws-instance',
        values: {
          account_id: about.accountId,
          region: about.region,
          availability_zone: about.availabilityZone,
          instance_id: about.instanceId,
          image_id: about.imageId,
          instance_type: about.instanceType,
        },
      };
    },
  };
}

function jsonOf(document: string): unknown {
  try {
    return JSON.parse(document);
  } catch {
    return undefined;
  }
}

function refused(message: string): CellwallError {
  return new CellwallError('unauthenticated', message, { hint: 'see docs/identities.md, "Attestors"' });
}
