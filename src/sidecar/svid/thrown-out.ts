// A host that was banned or evicted loses its certificate at home, too: in its place Envoy gets one that nobody trusts, with a key of its
// own. The helper keeps what it proves itself with, and Envoy gets a good one again as soon as the control plane accepts the host.
import { createPrivateKey } from 'node:crypto';
import { defined } from '../../lib/defined.ts';
import type { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { OwnWorkloadApi } from '../own-workload-api.ts';
import type { StoredSvid } from './svid-files.ts';
import { writeXdsSecrets } from './write-xds-secrets.ts';

export interface ThrownOut {
  /** The control plane said that this host is banned, or evicted. */
  refused(reason: CellwallError): Promise<void>;
  /** It accepts this host. */
  accepted(): void;
}

export interface ThrownOutDeps {
  readonly dataDir: string;
  readonly current: () => StoredSvid;
  readonly workloadApi: Pick<OwnWorkloadApi, 'refused' | 'accepted'>;
  readonly log: Log;
}

const dayMs = 86_400_000;

export function createThrownOut({ dataDir, current, workloadApi, log }: ThrownOutDeps): ThrownOut {
  let out = false;
  return {
    async refused(reason) {
      if (out) return;
      out = true;
      workloadApi.refused(reason);
      const { bundle, spiffeId } = current();
      const made = await worthless(spiffeId);
      // It may have been accepted meanwhile.
      if (!out) return;
      writeXdsSecrets(dataDir, { ...made, bundle });
      const { message, hint } = reason;
      const fields = { reason: message, ...defined({ hint }) };
      log.error(fields, 'this host was thrown out: its Envoy has no certificate any more that anybody trusts');
    },
    accepted() {
      if (!out) return;
      out = false;
      workloadApi.accepted();
      writeXdsSecrets(dataDir, current());
      log.info({}, 'the control plane accepts this host again: its Envoy has its certificate');
    },
  };
}

/** Loaded only by those who need it: no other helper ever writes a certificate. */
async function worthless(uri: string): Promise<Pick<StoredSvid, 'chain' | 'key'>> {
  const [{ makeKeyPair }, { writeCertificate }, { randomSerial }, { toPem }] = await Promise.all([
    import('../../identity/x509/key-pair.ts'),
    import('../../identity/x509/write-certificate.ts'),
    import('../../identity/x509/serial.ts'),
    import('../../identity/x509/pem.ts'),
  ]);
  const { spki, privateKey } = makeKeyPair();
  const key = createPrivateKey(privateKey.reveal());
  const now = Date.now();
  const dates = { notBefore: new Date(now - dayMs), notAfter: new Date(now + dayMs) };
  return { chain: toPem(writeCertificate({ serial: randomSerial(), ...dates, spki, uri }, key), 'CERTIFICATE'), key };
}
