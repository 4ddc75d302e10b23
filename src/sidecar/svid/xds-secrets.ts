// The secrets of Envoy's own xDS connection, as file-based SDS. They contain the SVID itself, not the names of its files: Envoy then
// watches two files, not four, and Linux allows 128 watches for all programs of a user (fs.inotify.max_user_instances).
import { type KeyObject, X509Certificate } from 'node:crypto';
import { Redacted } from '../../lib/redacted.ts';
import { xdsSecretNames } from '../envoy/bootstrap.ts';

export interface XdsSecrets {
  /** JSON of each file. */
  readonly certificate: Redacted<string>;
  readonly bundle: string;
}

export interface XdsSvid {
  /** PEM. */
  readonly chain: string;
  readonly key: KeyObject;
  /** PEM. */
  readonly bundle: string;
}

/** One JSON text for each file. */
export function xdsSecrets({ chain, key, bundle }: XdsSvid): XdsSecrets {
  const privateKey = key.export({ format: 'pem', type: 'pkcs8' }).toString();
  return {
    certificate: new Redacted(
      secret(
        {
          name: xdsSecretNames.certificate,
          tls_certificate: {
            certificate_chain: { inline_string: chain },
            private_key: { inline_string: privateKey },
          },
        },
        serialOf(chain),
      ),
    ),
    bundle: secret({ name: xdsSecretNames.bundle, validation_context: { trusted_ca: { inline_string: bundle } } }),
  };
}

/** Of the first certificate, as identity/ writes serials. */
export function serialOf(chain: string): string {
  return new X509Certificate(chain).serialNumber.toLowerCase();
}

/** `version`: what Envoy says it has, once it has it (`version_text`). */
function secret(content: object, version?: string): string {
  const type = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';
  return `${JSON.stringify({ version_info: version, resources: [{ '@type': type, ...content }] }, undefined, 2)}\n`;
}
