// FetchX509SVID and FetchX509Bundles: each call gets what there is, and whatever replaces it, until it ends.
// https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE_Workload_API.md#5-x509-svid-profile

import { create, toBinary } from '@bufbuild/protobuf';
import { X509BundlesResponseSchema, X509SVIDResponseSchema } from '#gen/workload_pb.js';
import { fromPem } from '../identity/x509/pem.ts';
import type { ForeignTrust } from '../identity-api/foreign-trust.ts';
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import { CellwallError } from '../lib/errors.ts';
import { frameOf } from '../lib/grpc-call.ts';
import { createWatched, type Watchable } from '../lib/watchable.ts';
import type { JwtSource } from './jwt-methods.ts';
import { createNewestOnly } from './newest-only.ts';
import { type Refusal, refusedBy } from './refusal.ts';
import type { WorkloadMethod } from './workload-methods.ts';
import { trustDomainUriOf, type WorkloadSvid } from './workload-svid.ts';

export interface X509MethodsDeps {
  readonly svid: Watchable<WorkloadSvid>;
  readonly jwt?: Pick<JwtSource, 'foreign' | 'refreshForeign'>;
  readonly clock: Pick<Clock, 'now' | 'after'>;
  readonly refusal?: Refusal;
}

/** How long a first answer waits for the bundles of foreign trust domains. */
const mostWaitMs = 1500;

type Foreign = Watchable<readonly ForeignTrust[]>;
type Encode = (svid: WorkloadSvid, foreign: readonly ForeignTrust[]) => Uint8Array;

export function x509Methods({ svid, jwt, clock, refusal }: X509MethodsDeps): Readonly<Record<string, WorkloadMethod>> {
  const usable = (): WorkloadSvid => {
    const refused = refusedBy(refusal);
    if (refused !== undefined) throw refused;
    const now = svid.value();
    if (now.notAfter.getTime() > clock.now()) return now;
    throw new CellwallError('unavailable', `the SVID of ${now.spiffeId} has ended`, {
      hint: 'its holder asks for a new one until it gets one: try again',
    });
  };
  const none = createWatched<readonly ForeignTrust[]>([]);
  /** Asked for from the first call on. */
  const foreign = (): Foreign => jwt?.foreign?.() ?? none;
  const ready = onceKnown(jwt?.refreshForeign, clock);
  return {
    FetchX509SVID: streamed({ svid, foreign, ready, ...defined({ refusal }) }, usable, framed(svidResponse)),
    // The roots are good whatever became of the SVID.
    FetchX509Bundles: streamed({ svid, foreign, ready }, svid.value, framed(bundlesResponse)),
  };
}

/** Many programs read one answer and no more: the first has what there is of foreign trust domains. Undefined: nothing to wait for. */
function onceKnown(ask: JwtSource['refreshForeign'], clock: Pick<Clock, 'after'>): () => Promise<void> | undefined {
  let isKnown = ask === undefined;
  return () => {
    if (isKnown) return undefined;
    return new Promise((resolve) => {
      const cancel = clock.after(mostWaitMs, resolve);
      const asked = ask?.().then(() => {
        isKnown = true;
      });
      void asked
        ?.catch(() => {})
        .finally(() => {
          cancel();
          resolve();
        });
    });
  };
}

interface Sources extends Pick<X509MethodsDeps, 'svid' | 'refusal'> {
  readonly foreign: () => Foreign;
  readonly ready: () => Promise<void> | undefined;
}

/** `first` may throw instead of giving a first answer. Equal answers are not repeated. A refusal ends what is open. */
function streamed(
  { svid, foreign, ready, refusal }: Sources,
  first: () => WorkloadSvid,
  frame: ReturnType<typeof framed>,
): WorkloadMethod {
  return (call) => {
    let [stop, over] = [(): void => {}, false];
    const begin = (others: Foreign): void => {
      const write = createNewestOnly(call);
      let last = frame(first(), others.value());
      write(last);
      const look = (): void => {
        const changed = frame(svid.value(), others.value());
        if (changed.equals(last)) return;
        last = changed;
        write(changed);
      };
      const refuse = (): void => {
        const refused = refusedBy(refusal);
        if (refused === undefined) return;
        stop();
        call.end(refused);
      };
      const ends = [svid.watch(look), others.watch(look), refusal?.watch(refuse) ?? (() => {})];
      stop = () => {
        for (const end of ends) end();
      };
    };
    return {
      request() {
        // Whoever gets nothing is told so at once.
        first();
        const others = foreign();
        const known = ready();
        if (known === undefined) return begin(others);
        void known.then(() => {
          try {
            if (!over) begin(others);
          } catch (reason) {
            call.end(CellwallError.from(reason));
          }
        });
      },
      over() {
        over = true;
        stop();
      },
    };
  };
}

/** However many calls are open, each SVID is encoded once. */
function framed(encode: Encode): (svid: WorkloadSvid, foreign: readonly ForeignTrust[]) => Buffer {
  let made: { readonly of: WorkloadSvid; readonly with: readonly ForeignTrust[]; readonly frame: Buffer } | undefined;
  return (svid, foreign) => {
    if (made?.of !== svid || made.with !== foreign) {
      made = { of: svid, with: foreign, frame: frameOf(encode(svid, foreign)) };
    }
    return made.frame;
  };
}

function svidResponse({ spiffeId, chain, key, bundle }: WorkloadSvid, foreign: readonly ForeignTrust[]): Uint8Array {
  const x509SvidKey = key.export({ format: 'der', type: 'pkcs8' });
  const svid = { spiffeId, x509Svid: ders(chain), x509SvidKey, bundle: ders(bundle) };
  const federatedBundles = bundlesOf(foreign);
  return toBinary(X509SVIDResponseSchema, create(X509SVIDResponseSchema, { svids: [svid], federatedBundles }));
}

function bundlesResponse({ spiffeId, bundle }: WorkloadSvid, foreign: readonly ForeignTrust[]): Uint8Array {
  const bundles = { ...bundlesOf(foreign), [trustDomainUriOf(spiffeId)]: ders(bundle) };
  return toBinary(X509BundlesResponseSchema, create(X509BundlesResponseSchema, { bundles }));
}

/** One without roots vouches for nobody: not there is the same. */
function bundlesOf(foreign: readonly ForeignTrust[]): Record<string, Uint8Array> {
  const known = foreign.filter(({ roots }) => roots !== '');
  return Object.fromEntries(known.map(({ trustDomain, roots }) => [`spiffe://${trustDomain}`, ders(roots)]));
}

/** ASN.1 DER, one after the other, without anything between. */
function ders(pem: string): Uint8Array {
  return Buffer.concat(fromPem(pem, 'CERTIFICATE'));
}
