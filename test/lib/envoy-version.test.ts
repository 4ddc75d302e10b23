import { expect, it } from 'vitest';
import { envoyVersionIn, isTooOld, oldestEnvoy } from '../../src/lib/envoy-version.ts';

it.each([
  ['envoy/1.40.0', '1.40.0'],
  ['envoy  version: 6eb0d2d97489ec1b4e1584a004f5de443d97a41b/1.39.3/Clean/RELEASE/BoringSSL', '1.39.3'],
  ['\nenvoy  version: bad8280de85c25b147a90c1d9b8a8c67a13e7134/1.36.4/Clean/RELEASE/BoringSSL\n\n', '1.36.4'],
  ['/opt/envoy  version: 0/1.41.0-dev/Modified/DEBUG/BoringSSL', undefined],
  ['grpc-js-xds/1.14.1', undefined],
  ['envoy', undefined],
  ['envoy/', undefined],
  ['', undefined],
  ['not-envoy/1.40.0', undefined],
])('%s: %s', (text, version) => {
  expect(envoyVersionIn(text)).toBe(version);
});

it.each([
  [oldestEnvoy, false],
  ['1.40.0', false],
  ['1.39.10', false],
  ['2.0.0', false],
  ['1.39.0', true],
  ['1.38.99', true],
  ['1.9.1', true],
  ['0.90.0', true],
])('%s is too old: %s', (version, old) => {
  expect(isTooOld(version)).toBe(old);
});
