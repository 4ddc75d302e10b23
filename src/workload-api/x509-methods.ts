// FetchX509SVID and FetchX509Bundles: each call gets what there is, and whatever replaces it, until it ends.
// https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE_Workload_API.md#5-x509-svid-profile

import { create, toBinary } from '@bufbuild/protobuf';
import { X509BundlesResponseSchema, X509SVIDResponseSchema } from '#gen/workload_pb.js';
import { fromPem } from '../identity/x509/pem.ts';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import { frameOf } from '../lib/grpc-call.ts';
import type { Watchable } from '../lib/watchable.ts';
import { createNewestOnly } from './newest-only.ts';
import type { WorkloadMethod } from './workload-methods.ts';
import { trustDomainUriOf, type WorkloadSvid } from './workload-svid.ts';

export interface X509MethodsDeps {
  readonly svid: Watchable<WorkloadSvid>;
  readonly clock: Pick<Clock, 'now'>;
}

export function x509Methods({ svid, clock }: X509MethodsDeps): Readonly<Record<string, WorkloadMethod>> {
  const usable = (): WorkloadSvid => {
    const now = svid.value();
    if (now.notAfter.getTime() > clock.now()) return now;
    throw new CellwallError('unavailable', `the SVID of ${now.spiffeId} has ended`, {
      hint: 'its holder asks for a new one until it gets one: try again',
    });
  };
  return {
    FetchX509SVID: streamed(svid, usable, framed(svidResponse)),
    // The roots are good whatever became of the SVID.
    FetchX509Bundles: streamed(svid, svid.value, framed(bundlesResponse)),
  };
}

/** `first` may throw instead of giving a first answer. Equal answers are not repeated. */
function streamed(
  svid: Watchable<WorkloadSvid>,
  first: () => WorkloadSvid,
  frame: (svid: WorkloadSvid) => Buffer,
): WorkloadMethod {
  return (call) => {
    let stop = (): void => {};
    return {
      request() {
        const write = createNewestOnly(call);
        let last = frame(first());
        write(last);
        stop = svid.watch((next) => {
          const changed = frame(next);
          if (changed.equals(last)) return;
          last = changed;
          write(changed);
        });
      },
      over: () => stop(),
    };
  };
}

/** However many calls are open, each SVID is encoded once. */
function framed(encode: (svid: WorkloadSvid) => Uint8Array): (svid: WorkloadSvid) => Buffer {
  let made: { readonly of: WorkloadSvid; readonly frame: Buffer } | undefined;
  return (svid) => {
    if (made?.of !== svid) made = { of: svid, frame: frameOf(encode(svid)) };
    return made.frame;
  };
}

function svidResponse({ spiffeId, chain, key, bundle }: WorkloadSvid): Uint8Array {
  const x509SvidKey = key.export({ format: 'der', type: 'pkcs8' });
  const svid = { spiffeId, x509Svid: ders(chain), x509SvidKey, bundle: ders(bundle) };
  return toBinary(X509SVIDResponseSchema, create(X509SVIDResponseSchema, { svids: [svid] }));
}

function bundlesResponse({ spiffeId, bundle }: WorkloadSvid): Uint8Array {
  const bundles = { [trustDomainUriOf(spiffeId)]: ders(bundle) };
  return toBinary(X509BundlesResponseSchema, create(X509BundlesResponseSchema, { bundles }));
}

/** ASN.1 DER, one after the other, without anything between. */
function ders(pem: string): Uint8Array {
  return Buffer.concat(fromPem(pem, 'CERTIFICATE'));
}
