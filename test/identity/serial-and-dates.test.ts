// Serial number and dates of certificates that were made elsewhere, or by nobody in good faith.
import { webcrypto, X509Certificate } from 'node:crypto';
import 'reflect-metadata';
import { X509CertificateGenerator } from '@peculiar/x509';
import { expect, it } from 'vitest';
import { serialAndDatesOf } from '../../src/identity/x509/serial-and-dates.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

async function certificate(serialNumber: string): Promise<Buffer> {
  const dates = { notBefore: new Date(Date.UTC(1999, 11, 31)), notAfter: new Date(Date.UTC(2050, 0, 1)) };
  const of = { name: 'CN=test', keys, signingAlgorithm: algorithm, ...dates };
  return Buffer.from((await X509CertificateGenerator.createSelfSigned({ ...of, serialNumber })).rawData);
}

it.each(['01', '7f', '80', 'ff01', '0100', 'f'.repeat(38)])('has the serial %s as OpenSSL has it', async (serial) => {
  const der = await certificate(serial);
  expect(serialAndDatesOf(der)).toEqual({
    serial: new X509Certificate(der).serialNumber.toLowerCase(),
    notBefore: Date.UTC(1999, 11, 31),
    notAfter: Date.UTC(2050, 0, 1),
  });
});

it.each([
  ['a month too many', '991331000000Z'],
  ['a day that does not exist', '990229000000Z'],
  ['an hour too many', '991231240000Z'],
  ['a minute too many', '991231006000Z'],
  ['a second too many', '991231000060Z'],
  ['a time zone', '9912310000+00'],
  ['letters', '99123100000xZ'],
])('refuses %s', async (_, date) => {
  const der = await certificate('01');
  const text = der.toString('latin1').replace('991231000000Z', date);
  expect(() => serialAndDatesOf(Buffer.from(text, 'latin1'))).toThrow(/date/);
});

it('refuses what is no certificate, wherever it is cut off', async () => {
  const der = await certificate('01');
  for (let length = 0; length < der.length; length++) {
    expect(() => serialAndDatesOf(der.subarray(0, length))).toThrow(/DER|certificate/);
  }
});
