// Which of the helper's certificates Envoy shows: what Envoy itself says it has read, by the version of its secret (xds-secrets.ts).
import { localSecret } from '../../lib/local-secret.ts';
import type { Log } from '../../lib/log.ts';
import type { StoredSvid } from './svid-files.ts';
import { serialOf } from './xds-secrets.ts';

export interface ShownCertificate {
  readonly serial: string;
  /** Epoch milliseconds. */
  readonly notAfter: number;
}

/** Among Envoy's statistics. */
export const shownStat = `^sds\\.${localSecret.name}\\.version_text$`;
const shownLine = new RegExp(`^sds\\.${localSecret.name}\\.version_text: "([0-9a-f]+)"$`, 'm');

/** So often Envoy may be behind: it may just have been given a new one. */
const patience = 2;

/** `look` is given Envoy's statistics; undefined while they do not tell. */
export function createShownCertificate(log: Log): {
  look(stats: string, svid: StoredSvid): ShownCertificate | undefined;
} {
  /** The two that were given last: Envoy may have either. */
  let given: readonly ShownCertificate[] = [];
  let latest: StoredSvid | undefined;
  let behind = 0;
  return {
    look(stats, svid) {
      if (latest !== svid) {
        latest = svid;
        const serial = serialOf(svid.chain);
        if (given[0]?.serial !== serial) given = [{ serial, notAfter: svid.notAfter.getTime() }, ...given].slice(0, 2);
      }
      const serial = shownLine.exec(stats)?.[1];
      const found = given.find((one) => one.serial === serial);
      behind = found === given[0] ? 0 : behind + 1;
      if (behind === patience) {
        const fields = { shown: serial, given: given[0]?.serial };
        log.error(fields, 'Envoy does not take the new certificate: calls fail once the one before has ended');
      }
      return found;
    },
  };
}
