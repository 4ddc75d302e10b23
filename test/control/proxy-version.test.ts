import { expect, it } from 'vitest';
import { knowsShadowRules } from '../../src/control/proxy-version.ts';

it.each([
  ['envoy/1.40.0', true],
  ['envoy/1.24.0', true],
  ['envoy/2.0.0', true],
  ['envoy/1.23.9', false],
  ['envoy/1.9.1', false],
  ['envoy/0.90.0', false],
  ['grpc-js-xds/1.14.1', true],
  ['', true],
])('%s: %s', (userAgent, knows) => {
  expect(knowsShadowRules(userAgent)).toBe(knows);
});
