// Certificate requests, certificates' names, xDS requests and access-log messages: bytes of peers that proved little or nothing.
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import 'reflect-metadata';
import { create, fromJson, type JsonValue, toBinary } from '@bufbuild/protobuf';
import { Pkcs10CertificateRequest } from '@peculiar/x509';
import { it } from 'vitest';
import { StreamAccessLogsMessageSchema } from '#gen/envoy/service/accesslog/v3/als_pb.js';
import { DeltaDiscoveryRequestSchema, DiscoveryRequestSchema } from '#gen/envoy/service/discovery/v3/discovery_pb.js';
import { createCsr } from '../../../src/identity/x509/create-csr.ts';
import { fromPem, toPem } from '../../../src/identity/x509/pem.ts';
import { readCsr } from '../../../src/identity/x509/read-csr.ts';
import { uriSans } from '../../../src/identity/x509/uri-sans.ts';
import { CellwallError } from '../../../src/lib/errors.ts';
import { parseTrustDomain } from '../../../src/model/spiffe-id.ts';
import { readLogName } from '../../../src/observe/access-log.ts';
import { readEntry, readLogMessage } from '../../../src/observe/log-message.ts';
import { createRefusals } from '../../../src/observe/refusals.ts';
import { takeEntry } from '../../../src/observe/take-entry.ts';
import { createTraffic } from '../../../src/observe/traffic.ts';
import { defaultLimits } from '../../../src/xds/protocol/limits.ts';
import { createSharedSteps } from '../../../src/xds/protocol/shared-steps.ts';
import { openStream } from '../../../src/xds/protocol/stream-state.ts';
import { variants } from '../../../src/xds/protocol/variant.ts';
import { typeUrls } from '../../../src/xds/resources/type-url.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createTestCa } from '../../support/test-ca.ts';
import { fuzz } from './fuzz.ts';

const minutes = 60_000;

/** What is refused is refused in our own words; anything else is a crash. */
function refusal(reason: unknown): string {
  if (reason instanceof CellwallError) return `${reason.code} ${reason.message.slice(0, 30)}`;
  throw reason;
}

it('certificate requests: one key of an allowed kind, which signed the request', {
  timeout: 20 * minutes,
}, async () => {
  const keys = [
    generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    generateKeyPairSync('ec', { namedCurve: 'P-384' }),
    generateKeyPairSync('rsa', { modulusLength: 2048 }),
    generateKeyPairSync('rsa', { modulusLength: 1024 }),
    generateKeyPairSync('ed25519'),
  ] as const;
  const der = (pem: string): Buffer => fromPem(pem, 'CERTIFICATE REQUEST')[0] ?? Buffer.alloc(0);
  const requests = keys.slice(0, 2).map(({ privateKey }) => der(createCsr(privateKey)));
  await fuzz({
    name: 'csrs',
    seeds: requests,
    dictionary: [
      ...keys.map(({ publicKey }) => publicKey.export({ format: 'der', type: 'spki' })),
      ...[
        '06082a8648ce3d040302',
        '06092a864886f70d01010b',
        '06032b6570',
        '3000',
        '3080',
        '0000',
        '308400000001',
        '3084ffffffff',
        '030100',
        'a000',
      ].map((hex) => Buffer.from(hex, 'hex')),
    ],
    sources: ['src/identity/x509/read-csr.ts', 'src/identity/x509/der.ts'],
    run(input) {
      try {
        const { publicKey, der: read } = readCsr(toPem(input, 'CERTIFICATE REQUEST'));
        const { asymmetricKeyType: type, asymmetricKeyDetails: details } = publicKey;
        const curve = details?.namedCurve ?? '';
        const allowed =
          type === 'rsa'
            ? (details?.modulusLength ?? 0) >= 2048
            : type === 'ec' && ['prime256v1', 'secp384r1'].includes(curve);
        if (!allowed) throw new Error(`a ${String(type)} key was taken`);
        if (!read.equals(input)) throw new Error('another request than the one that came');
        // Another reader finds the same key, and the signature good.
        const other = new Pkcs10CertificateRequest(input);
        const same = createPublicKey({ key: Buffer.from(other.publicKey.rawData), format: 'der', type: 'spki' });
        if (!same.equals(publicKey)) throw new Error('two readers, two keys');
        return `taken ${String(type)} ${curve}`;
      } catch (reason) {
        return refusal(reason);
      }
    },
    // Whole requests of every kind of key, so that the doors that open are tried, too; some with the signature of another.
    make(random) {
      const [one, other] = [random.of(keys), random.of(keys)];
      if (one.privateKey.asymmetricKeyType !== 'ec') return random.of(requests);
      const made = der(createCsr(one.privateKey));
      if (random.below(2) === 0) return made;
      const spki = other.publicKey.export({ format: 'der', type: 'spki' });
      const at = made.indexOf(one.publicKey.export({ format: 'der', type: 'spki' }));
      return Buffer.concat([made.subarray(0, at), spki, made.subarray(at + spki.length)]);
    },
  });
});

it('names in certificates: read as they stand, or refused', { timeout: 10 * minutes }, async () => {
  const ca = await createTestCa('fuzz');
  const issued = await Promise.all(
    [{ uri: 'spiffe://td1/service/api' }, { uri: 'spiffe://td1/a', dns: ['a;URI=spiffe://td1/b'] }, { dns: ['x'] }].map(
      (names) => ca.issue(names),
    ),
  );
  await fuzz({
    name: 'uri-sans',
    seeds: issued.map(({ certificate }) => fromPem(certificate, 'CERTIFICATE')[0] ?? Buffer.alloc(0)),
    dictionary: ['0603551d11', '8600', '86088000', '3000', '3082ffff', '0400', 'a3', '820161', '861973706966'].map(
      (hex) => Buffer.from(hex, 'hex'),
    ),
    sources: ['src/identity/x509/uri-sans.ts', 'src/identity/x509/der.ts'],
    run(input) {
      try {
        const found = uriSans(input);
        // What is not in the bytes as it stands was made up.
        for (const name of found)
          if (!input.includes(Buffer.from(name, 'latin1')) || [...name].some((letter) => letter > '\x7f'))
            throw new Error(`made up: ${name}`);
        return `names ${Math.min(4, found.length)}`;
      } catch (reason) {
        return refusal(reason);
      }
    },
  });
});

it('xDS requests: refused in words, or stepped within the limits', { timeout: 20 * minutes }, () => {
  const types = Object.values(typeUrls);
  const sotw = types.map((typeUrl) =>
    toBinary(
      DiscoveryRequestSchema,
      create(DiscoveryRequestSchema, {
        typeUrl,
        resourceNames: ['a', '*'],
        versionInfo: '1',
        node: { id: 'spiffe://td1/a~1', metadata: { a: 1 } },
        errorDetail: { code: 3, message: 'no' },
      }),
    ),
  );
  const delta = types.map((typeUrl) =>
    toBinary(
      DeltaDiscoveryRequestSchema,
      create(DeltaDiscoveryRequestSchema, {
        typeUrl,
        resourceNamesSubscribe: ['a', '*'],
        resourceNamesUnsubscribe: ['b'],
        initialResourceVersions: { a: '1', __proto__: '2' },
      }),
    ),
  );
  const limits = { ...defaultLimits, names: 50, nameBytes: 200, nodeBytes: 500 };
  const shared = { sotw: createSharedSteps('s'), delta: createSharedSteps('d') };
  const states = { sotw: openStream(shared.sotw), delta: openStream(shared.delta) };
  let steps = 0;
  return fuzz({
    name: 'xds-requests',
    seeds: [...sotw, ...delta],
    dictionary: [
      ...types,
      '*',
      '__proto__',
      'constructor',
      Buffer.from([0x0a, 0x80, 0x80, 0x80, 0x80, 0x08]),
      Buffer.from([0x1a, 0x01, 0x61]),
      Buffer.from([0x0b]),
      Buffer.from([0x22, 0x00]),
    ],
    sources: ['src/xds/protocol/request.ts', 'src/xds/protocol/sotw.ts', 'src/xds/protocol/delta.ts'],
    run(input) {
      const told = (['sotw', 'delta'] as const).map((name) => {
        try {
          const { step, typeUrl } = variants[name].read(input, undefined, limits, shared[name]);
          if (step === undefined) return 'another type';
          const { state, effects } = step(states[name]);
          // Half of the streams go on, so that what is kept of them meets what comes.
          states[name] = ++steps % 100 === 0 || input.length % 7 === 0 ? openStream(shared[name]) : state;
          for (const [type, subscription] of Object.entries(state.subscriptions))
            if (type !== subscription.typeUrl) throw new Error('under another type');
          return `${typeUrl.split('.').at(-1)} ${effects.map(({ kind }) => kind).join(' ')}`;
        } catch (reason) {
          return refusal(reason);
        }
      });
      return told.join(', ');
    },
  });
});

it('access-log messages: counted for their own service only, or not at all', { timeout: 20 * minutes }, () => {
  const domain = parseTrustDomain('td1');
  if (domain === undefined) throw new Error('no trust domain');
  const entry = (path: string, name: string, details: string): JsonValue => ({
    request: { path, request_method: 'PUT', request_id: 'id-1', authority: 'a' },
    response: { response_code: 200, response_code_details: details },
    common_properties: {
      stream_id: 'id-1',
      start_time: '2026-01-01T00:00:00Z',
      duration: '1s',
      tls_properties: { peer_certificate_properties: { subject_alt_name: [{ uri: name }] } },
    },
  });
  const message = (logName: string, ...log_entry: JsonValue[]): Uint8Array =>
    toBinary(
      StreamAccessLogsMessageSchema,
      fromJson(StreamAccessLogsMessageSchema, {
        identifier: { log_name: logName, node: { id: 'spiffe://td1/service/api~1' } },
        http_logs: { log_entry },
      }),
    );
  const clock = createFakeClock();
  return fuzz({
    name: 'access-logs',
    seeds: [
      message(
        'inbound/api/mtls',
        entry('/a', 'spiffe://td1/service/web', 'via_upstream'),
        entry('/b?q', 'spiffe://td2/x', 'rbac_access_denied_matched_policy[none]'),
      ),
      message('inbound/other/mtls', entry('/a', 'spiffe://td1/service/web', '')),
      message('inbound/api/plain', entry('/\u0000', '', 'path_normalization_failed')),
    ],
    dictionary: [
      'inbound/api/mtls',
      'inbound/other/plain',
      'spiffe://td1/',
      'rbac_access_denied_matched_policy[',
      'authz_allow',
      '__proto__',
      Buffer.from([0x12, 0x80, 0x01]),
      Buffer.from([0xc3, 0x28]),
      Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]),
    ],
    sources: [
      'src/observe/log-message.ts',
      'src/observe/lenient-message.ts',
      'src/observe/take-entry.ts',
      'src/observe/access-log.ts',
    ],
    run(input) {
      const traffic = createTraffic({ clock });
      const refusals = createRefusals({ clock });
      const kinds: string[] = [];
      let name = '';
      try {
        for (const raw of readLogMessage(input)) {
          const part = raw.kind === 'identifier' ? raw : readEntry(raw);
          kinds.push(part.kind);
          if (part.kind === 'identifier') name = part.identifier.logName;
          const stated = readLogName(name);
          if (part.kind === 'identifier' || part.kind === 'unreadable' || stated?.service !== 'api') continue;
          takeEntry(
            part,
            { stated, node: 'n', domains: [domain] },
            { traffic, refusals, keepPath: (_service, path) => ({ kind: 'exact', path: path.slice(0, 100) }) },
          );
        }
      } catch (reason) {
        // The stream is ended by what the reader says of the bytes; a fault of the program would be of another kind.
        if (!(reason instanceof CellwallError) || reason.code !== 'invalid_argument') throw reason;
        kinds.push('broken off');
      }
      for (const { service, principal } of traffic.counts()) {
        if (service !== 'api') throw new Error(`counted for ${service}`);
        if (
          principal !== undefined &&
          (!/^spiffe:\/\/[a-z0-9._-]+\/[A-Za-z0-9._/-]+$/.test(principal) || principal.length > 2048)
        )
          throw new Error(`a caller ${principal}`);
      }
      return [
        ...new Set(kinds),
        traffic
          .counts()
          .map(({ caller, decision }) => `${caller} ${decision}`)
          .sort()[0] ?? '-',
      ].join(' ');
    },
  });
});
