// The keys of a foreign issuer of tokens, from a file, an https address, or where the issuer's discovery document says. The last good ones
// stay, whatever happens to the source; those that were fetched also over a restart.
import { readFileSync } from 'node:fs';
import { createLocalJWKSet, type JWTVerifyGetKey } from 'jose';
import { boundedCall } from '../../lib/bounded-call.ts';
import type { Clock } from '../../lib/clock.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { Log } from '../../lib/log.ts';
import type { Table } from '../../lib/table.ts';
import type { KeysSource } from '../attestor/attestor-options.ts';
import { discoverKeys } from './discover-keys.ts';
import { usableKeys } from './usable-keys.ts';

export interface IssuerKeys {
  /** For jose. Throws `unavailable` while there never were any. */
  current(): Promise<JWTVerifyGetKey>;
  /** After a key that is not among `these`: fetches again, unless it did so within the last minute. True if there are others now. */
  again(these: JWTVerifyGetKey): Promise<boolean>;
}

export interface IssuerKeysDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Keeps what was fetched; whoever can write there can sign, so it must be a sealed one. Absent: it is not kept. */
  readonly issuerKeys?: Table | undefined;
}

const refreshMs = 300_000;
/** For control planes that start while an issuer is away. */
const keepMs = 7 * 86_400_000;
const soonestMs = 60_000;
const timeoutMs = 5000;
const mostBytes = 262_144;

export function createIssuerKeys(source: KeysSource, { clock, log, issuerKeys }: IssuerKeysDeps): IssuerKeys {
  const from = 'file' in source ? source.file : 'url' in source ? source.url : source.issuer;
  let known: { readonly keys: JWTVerifyGetKey; readonly text: string } | undefined;
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | undefined;

  function take(text: string, message: string): void {
    known = { keys: createLocalJWKSet(JSON.parse(text)), text };
    log.info({ from }, message);
  }

  /** Each time: it is kept from when it was last seen. */
  async function keep(text: string): Promise<void> {
    if ('file' in source) return;
    await issuerKeys
      ?.set(from, text, { ttlMs: keepMs })
      .catch((reason: unknown) => log.warn({ from, reason: String(reason) }, 'keys of an issuer cannot be kept'));
  }

  async function recall(): Promise<void> {
    try {
      const text = await issuerKeys?.get(from);
      if (typeof text === 'string') take(usableKeys(text, 'open'), 'keys of an issuer of tokens as they were before');
    } catch (reason) {
      log.warn({ from, reason: String(reason) }, 'kept keys of an issuer cannot be read');
    }
  }

  function read(): Promise<void> {
    reading ??= textOf(source)
      .then(async (answer) => {
        // One without a usable key is no news: what is known stays.
        const text = usableKeys(answer, 'open');
        if (text !== known?.text) take(text, 'keys of an issuer of tokens were read');
        await keep(text);
      })
      .catch(async (reason: unknown) => {
        if (known === undefined) await recall();
        const { message } = CellwallError.from(reason);
        log.warn(
          { from, reason: message },
          known === undefined ? 'no keys of an issuer of tokens yet' : 'the known keys stay',
        );
      })
      .finally(() => {
        readAt = clock.monotonic();
        reading = undefined;
      });
    return reading;
  }

  return {
    async current() {
      const age = clock.monotonic() - readAt;
      // Only a first one is waited for: whoever attests does not wait for the issuer.
      if (known === undefined && age > (readAt < 0 ? 0 : 1000)) await read();
      else if (age > refreshMs) void read();
      if (known !== undefined) return known.keys;
      throw new CellwallError('unavailable', 'the keys of the issuer of this token cannot be had now');
    },
    async again(these) {
      // Others may have been had since these were taken.
      if (known?.keys !== these) return known !== undefined;
      // A file costs nothing, and is right beside.
      if (clock.monotonic() - readAt < ('file' in source ? 1000 : soonestMs)) return false;
      await read();
      return known.keys !== these;
    },
  };
}

async function textOf(source: KeysSource): Promise<string> {
  if (!('file' in source)) {
    const { caFile } = source;
    const how = { who: 'the issuer of tokens', timeoutMs, ...(caFile && { ca: readFileSync(caFile, 'utf8') }) };
    return 'url' in source ? boundedCall({ ...how, url: source.url }) : discoverKeys(source.issuer, how);
  }
  const text = readFileSync(source.file, 'utf8');
  if (text.length > mostBytes) throw new CellwallError('failed_precondition', `${source.file} is too large`);
  return text;
}
