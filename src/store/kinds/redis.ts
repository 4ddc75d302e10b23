// `--store redis`: for several replicas.
import { CellwallError } from '../../lib/errors.ts';
import { Redacted } from '../../lib/redacted.ts';
import { createRedisStore } from '../redis.ts';
import type { StoreKind } from '../store-kind.ts';

export const redisStore: StoreKind = {
  alsoChangedBy: 'replicas',
  options: {
    url: { description: 'its address, with the password: --redis-url, or --redis-url-file', required: true },
    prefix: { description: 'what its keys begin with, by default cellwall: several deployments may share one Redis' },
  },
  open({ options: { url = new Redacted(''), prefix }, sealKey, ...settings }) {
    const checked = checkPrefix(prefix?.reveal() ?? 'cellwall');
    return createRedisStore({ ...settings, url, prefix: checked, sealKey: sealKey() });
  },
};

function checkPrefix(prefix: string): string {
  if (/^[A-Za-z0-9._:{}-]{1,64}$/.test(prefix)) return prefix;
  throw new CellwallError('invalid_argument', 'the prefix of keys is not usable', {
    hint: 'at most 64 letters, digits and . _ : - { }',
  });
}
