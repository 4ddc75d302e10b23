// Names of access logs say what they were made of, and no other name says it.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  inboundLogName,
  isOutboundLogName,
  outboundLogName,
  readInboundLogName,
  targetOfLogName,
} from '../../src/lib/log-names.ts';

const service = fc.stringMatching(/^[a-z0-9-]{1,20}(\/[a-z0-9-]{1,20})?$/);

it('are read back as they were made', () => {
  const part = fc.constantFrom('mtls', 'plain', 'health', 'listener');
  fc.assert(
    fc.property(service, part, (name, log) => {
      expect(readInboundLogName(inboundLogName(name, log))).toEqual({ service: name, part: log });
      expect(isOutboundLogName(inboundLogName(name, log))).toBe(false);
    }),
  );
  fc.assert(
    fc.property(service, (name) => {
      expect(targetOfLogName(outboundLogName(name, 'own'), 'own')).toBe(name);
      expect(targetOfLogName(outboundLogName(name, 'own'), 'odd')).toBeUndefined();
      expect(readInboundLogName(outboundLogName(name, 'own'))).toBeUndefined();
    }),
  );
});

it.each([['inbound/api/other'], ['inbound//mtls'], ['inbound/mtls'], ['xinbound/api/mtls'], ['inbound/api/mtls/']])(
  '%s is none',
  (name) => {
    expect(readInboundLogName(name)).toBeUndefined();
  },
);

it('a target that is longer than a key can be is none', () => {
  expect(targetOfLogName(`outbound/${'a'.repeat(193)}/own`, 'own')).toBeUndefined();
  expect(targetOfLogName('outbound/A/own', 'own')).toBeUndefined();
});
