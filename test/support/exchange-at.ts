// One exchange of a job's token at a control plane's identity API, as `cellwall svid exchange` does it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { exchangeToken } from '../../src/sidecar/svid/exchange-token.ts';

export interface ExchangeAt {
  readonly port: number;
  /** PEM. */
  readonly roots: string;
  readonly token: string;
  readonly dir: string;
}

/** Certificate and key as PEM. */
export async function exchangeAt({
  port,
  roots,
  token,
  dir,
}: ExchangeAt): Promise<{ readonly spiffeId: string; readonly chain: string; readonly key: string }> {
  const { svid } = await exchangeToken({
    ...{ identity: `127.0.0.1:${port}`, attestor: 'gitlab-id-token', token: new Redacted(token), roots, dir },
    ...{ jwtAudience: [], log: silentLog, patienceMs: 0 },
  });
  return { spiffeId: svid.spiffeId, chain: svid.chain, key: readFileSync(join(dir, 'key.pem'), 'utf8') };
}
