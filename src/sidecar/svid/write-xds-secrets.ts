// The two files that tell Envoy where the certificate of its xDS connection is. Written again, by rename, with each new certificate: that
// is what Envoy watches.
import { join } from 'node:path';
import { keepSecretFile } from './keep-secret-file.ts';
import { type XdsSvid, xdsSecrets } from './xds-secrets.ts';

export interface XdsSecretFiles {
  readonly certificate: string;
  readonly bundle: string;
}

/** Files that are already as required are not written. */
export function writeXdsSecrets(dir: string, svid: XdsSvid): XdsSecretFiles {
  const files = { certificate: join(dir, 'xds-certificate.json'), bundle: join(dir, 'xds-bundle.json') };
  const content = xdsSecrets(svid);
  keepSecretFile(files.bundle, content.bundle);
  keepSecretFile(files.certificate, content.certificate.reveal());
  return files;
}
