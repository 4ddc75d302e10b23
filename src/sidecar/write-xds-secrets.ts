// The two files by which an Envoy finds the certificate of its xDS connection. Written again, by rename, with each new certificate:
// that is what Envoy watches.
import { join } from 'node:path';
import { writeSecretFile } from '../identity/secret-file.ts';
import { type XdsSvid, xdsSecrets } from './xds-secrets.ts';

export interface XdsSecretFiles {
  readonly certificate: string;
  readonly bundle: string;
}

export function writeXdsSecrets(dir: string, svid: XdsSvid): XdsSecretFiles {
  const files = { certificate: join(dir, 'xds-certificate.json'), bundle: join(dir, 'xds-bundle.json') };
  const content = xdsSecrets(svid);
  // Not synced: written again at every start.
  writeSecretFile(files.bundle, content.bundle, 0o600, false);
  writeSecretFile(files.certificate, content.certificate.reveal(), 0o600, false);
  return files;
}
