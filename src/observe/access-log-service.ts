// Envoy's access-log service (ALS) on the xDS port: accepts entries from authenticated proxies and counts them. A proxy can only report on
// its own service. Messages are processed in slices (intake.ts); meanwhile, no more is read of that stream. What a proxy reports about its
// own outgoing calls is not part of the record, and whatever happens to such a log does not affect the record.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/accesslog/v3/als.proto

import { X509Certificate } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { StreamAccessLogsResponseSchema } from '#gen/envoy/service/accesslog/v3/als_pb.js';
import { CellwallError } from '../lib/errors.ts';
import { frameOf, type GrpcCall, type GrpcHandler, type GrpcMethods } from '../lib/grpc-call.ts';
import type { Log } from '../lib/log.ts';
import { isOutboundLogName, readInboundLogName, targetOfLogName } from '../lib/log-names.ts';
import type { TrustDomain } from '../model/spiffe-id.ts';
import { type InboundLog, isNoRequest, isRead, portOfLog, readLogName } from './access-log.ts';
import { sampleOf } from './call-facts.ts';
import { createCallMemo } from './call-memo.ts';
import type { CrossCheck } from './cross-check.ts';
import type { Handshakes } from './handshakes.ts';
import type { Intake } from './intake.ts';
import { type LogEntry, type RawEntry, readEntry, readLogMessage } from './log-message.ts';
import type { LossyIntake } from './lossy-intake.ts';
import { isOwnProbe, type OwnProbes } from './own-probe.ts';
import { createRepeatedCalls, type RepeatedCalls } from './repeated-calls.ts';
import { stablePartsOf } from './stable-parts.ts';
import { type TakeEntryDeps, takeEntry } from './take-entry.ts';
import { takeOwnAnswer } from './take-own-answer.ts';
import { endOf, inboundLogKind } from './told-of-message.ts';

export interface AccessLogDeps extends TakeEntryDeps {
  readonly log: Log;
  readonly intake: Intake;
  /** For what a proxy reports about its own outgoing calls. */
  readonly lossyIntake: LossyIntake;
  readonly trustDomain: () => TrustDomain | undefined;
  /** Foreign trust domains whose identities callers of that port can prove. Absent: none. */
  readonly federated?: (port: string) => readonly TrustDomain[];
  /** The service of the verified client certificate; throws CellwallError to refuse. */
  readonly serviceOfPeer: (certificate: Uint8Array | undefined, nodeId: string) => string | undefined;
  /** Absent: Envoy's counters are not compared with the log. */
  readonly crossCheck?: Pick<CrossCheck, 'told'>;
  /** Absent: failed handshakes are not kept. */
  readonly handshakes?: Pick<Handshakes, 'record' | 'noHttp' | 'notHttp'>;
  /** The stream of a verified proxy broke, was refused, or sent something that is not an entry: part of what it reported is lost. */
  readonly onBroken: (nodeId: string) => void;
  /** An entry could not be read. */
  readonly onUnreadable?: () => void;
  /** The control plane's own probes: not callers. */
  readonly probes?: OwnProbes;
  /** Streams of one identity, and as many for its own outgoing calls. Default 256. */
  readonly maxStreams?: number;
}

/** Entries that need a few microseconds each. */
const repeatedInStep = 64;
const method = '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs';

/** About a stream, once it has said whose log it is. */
interface Source {
  readonly own: string | undefined;
  readonly node: string;
  readonly logName: string;
  readonly stated: InboundLog | undefined;
  /** About its own outgoing calls: not part of the record. */
  readonly outbound: boolean;
}

/** A stream of a proxy without a service is read, and counts for nothing. */
export function createAccessLogService(deps: AccessLogDeps): GrpcMethods {
  const {
    log,
    intake,
    lossyIntake,
    refusals,
    trustDomain,
    federated = () => [],
    serviceOfPeer,
    crossCheck,
    handshakes,
    onBroken,
    onUnreadable,
    probes,
    maxStreams = 256,
  } = deps;
  const streams = new Map<string, number>();
  const memo = createCallMemo();
  const domainsOf = (place: InboundLog): readonly TrustDomain[] | undefined => {
    const own = trustDomain();
    return own && [own, ...federated(portOfLog(place))];
  };

  const take = (part: LogEntry, own: string, { node, logName, stated, outbound }: Source): void => {
    if (part.kind === 'unreadable') {
      onUnreadable?.();
      if (!outbound) onBroken(node);
      return;
    }
    const kind = inboundLogKind(logName, part.kind);
    // Envoy does not count connections that no chain accepted.
    const counted = kind !== 'listener' || part.entry.commonProperties?.responseFlags?.noRouteFound !== true;
    if (kind !== undefined && counted) crossCheck?.told(node, kind, [endOf(part.entry.commonProperties)]);
    if (probes !== undefined && isOwnProbe(part.entry.commonProperties, probes)) return;
    const place = kind === 'listener' ? readInboundLogName(logName) : undefined;
    if (place?.service === own) handshakes?.record(place, part.entry.commonProperties);
    const odd = targetOfLogName(logName, 'odd');
    const called = odd ?? targetOfLogName(logName, 'own');
    if (called !== undefined && part.kind === 'http') {
      if (odd !== undefined && !isRead(part.entry))
        handshakes?.notHttp({ service: own }, odd, part.entry.commonProperties);
      if (refusals !== undefined) takeOwnAnswer(part.entry, { service: own, node, target: called }, refusals);
      deps.signals?.record({ side: 'outbound', service: own, target: called }, sampleOf(part, 'failed'));
    }
    if (stated?.service !== own) return;
    const domains = domainsOf(stated);
    if (domains === undefined) return;
    if (isNoRequest(part, stated)) handshakes?.noHttp(stated, part.entry.commonProperties);
    else takeEntry(part, { stated, node, domains }, deps);
  };

  /** True: it was counted with others like it, and the next step may take another. */
  const takeRaw = (part: RawEntry, source: Source, repeated: RepeatedCalls): boolean => {
    const { own, stated, node } = source;
    if (own === undefined) return true;
    const domains = stated && domainsOf(stated);
    const parts =
      part.kind === 'http' && stated?.service === own ? stablePartsOf(part.message, part.from, part.to) : undefined;
    if (parts === undefined || stated === undefined || domains === undefined) {
      take(readEntry(part), own, source);
      return false;
    }
    const place = { stated, node, domains };
    if (repeated.count(parts, place)) return true;
    const entry = readEntry(part);
    take(entry, own, source);
    repeated.learn(parts, entry, place);
    return false;
  };

  /** Messages are received as bytes: a text in one may not be UTF-8, and a large one is read in pieces. */
  const streamAccessLogs = (call: GrpcCall): GrpcHandler => {
    const peer = peerName(call.peer);
    /** As what it counts; '' before. */
    let counted = '';
    let source: Source | undefined;
    let over = false;
    const broken = (): void => {
      // Only a verified peer has said whose log it was.
      if (source?.own !== undefined && !source.outbound) onBroken(source.node);
    };
    const close = (): boolean => {
      if (over) return false;
      over = true;
      leave(streams, counted);
      return true;
    };
    const end = (error?: CellwallError): void => {
      if (!close()) return;
      if (error === undefined) {
        call.write(frameOf(toBinary(StreamAccessLogsResponseSchema, create(StreamAccessLogsResponseSchema))));
        call.end();
        return;
      }
      log.warn({ code: error.code, reason: error.message }, 'access log stream refused');
      broken();
      call.end(error);
    };
    const count = (as: string): void => {
      if (over) return;
      leave(streams, counted);
      counted = as;
      const open = (streams.get(as) ?? 0) + 1;
      streams.set(as, open);
      if (open > maxStreams) end(tooMuch(`more than ${maxStreams} access-log streams of one identity`));
    };
    const repeated = createRepeatedCalls({ memo, ...deps });
    /** One step per entry, or per so many of which none is decoded; any error ends only this stream. */
    function* work(bytes: Buffer): Generator<undefined, void> {
      let inStep = 0;
      try {
        for (const part of readLogMessage(bytes)) {
          if (over) return;
          // Only the first message of a stream has the identifier (als.proto, StreamAccessLogsMessage.identifier).
          if (part.kind === 'identifier') {
            const { logName, node: { id = '' } = {} } = part.identifier;
            const own = serviceOfPeer(call.peer.certificate, id);
            source = {
              own,
              node: id,
              logName,
              stated: readLogName(logName),
              outbound: isOutboundLogName(logName),
            };
            if (source.outbound) count(`${peer} outbound`);
          } else if (source !== undefined && takeRaw(part, source, repeated) && ++inStep < repeatedInStep) continue;
          inStep = 0;
          repeated.flush();
          yield;
        }
        repeated.flush();
      } catch (reason) {
        repeated.flush();
        end(CellwallError.from(reason));
      }
    }
    count(peer);
    return {
      message(bytes) {
        if (over) return;
        const job = { bytes: bytes.length, work: work(bytes), done: call.resume };
        if (source?.outbound === true) {
          lossyIntake.add(peer, { ...job, pause: call.pause, resume: call.resume });
          return;
        }
        // Nothing more is read of it until this is done.
        call.pause();
        if (!intake.add(peer, job)) end(tooMuch('more of an access log is waiting than there is room for'));
      },
      halfClosed: () => end(),
      cancelled(why) {
        if (close() && why === 'broken') broken();
      },
    };
  };
  return new Map([[method, streamAccessLogs]]);
}

/** From the certificate that TLS verified, otherwise nobody's: for sharing resources, not for decisions. */
function peerName({ certificate }: GrpcCall['peer']): string {
  return certificate === undefined ? '' : (new X509Certificate(certificate).subjectAltName ?? '');
}

function leave(streams: Map<string, number>, counted: string): void {
  const left = (streams.get(counted) ?? 1) - 1;
  if (left > 0) streams.set(counted, left);
  else streams.delete(counted);
}

function tooMuch(what: string): CellwallError {
  return new CellwallError('resource_exhausted', what, { hint: 'report less, or more slowly' });
}
