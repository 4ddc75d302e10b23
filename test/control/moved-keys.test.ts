// Gates of a rotation of the root where helpers keep the keys of proxies.
import { expect, it } from 'vitest';
import { movedKeys } from '../../src/control/moved-keys.ts';
import type { IssuedCertificate } from '../../src/identity/issued-log.ts';
import { type RootsRecord, rootName } from '../../src/identity/roots/roots-record.ts';
import { parseSpiffeId } from '../../src/model/spiffe-id.ts';
import { meshOf, meshText, serviceText, yaml } from '../support/resolve-text.ts';
import { createTestCa } from '../support/test-ca.ts';

const [old, next] = [await createTestCa('td1'), await createTestCa('td1')];
const id = parseSpiffeId('spiffe://td1/service/api');
if (id === undefined) throw new Error('no SPIFFE ID');
const spiffeId = id;
const node = `${spiffeId}~a`;
const mesh = meshOf(yaml(meshText(), serviceText('api')));
const record: RootsRecord = {
  version: 1,
  roots: [
    { folder: 'root', pem: old.root, state: 'retiring' },
    { folder: 'roots/0123456789abcdef', pem: next.root, state: 'active' },
  ],
  removed: [],
};

function certificate(serial: string, root: string, more: Partial<IssuedCertificate> = {}): IssuedCertificate {
  const dates = { notBefore: new Date(0).toISOString(), notAfter: new Date(9e12).toISOString() };
  return { serial, spiffeId, ...dates, purpose: 'csr', root: rootName(root), ...more };
}

const issued = [
  certificate('01', old.root),
  certificate('02', next.root),
  certificate('03', old.root, { purpose: 'pushed', node }),
];
const proxy = { node, spiffeId, secrets: 'local', state: 'connected' } as const;
const facts = { phase: 'renew', record, mesh, proxies: [proxy], issued } as const;
type Shown = Parameters<typeof movedKeys>[0]['shown'];
const shows =
  (serial: string): Shown =>
  () => ({ serial, notAfter: 9e12 });

const cases: readonly (readonly [string, Shown, string | undefined])[] = [
  ['nothing yet', () => undefined, 'helper'],
  ['a certificate under the old root', shows('01'), 'proxy'],
  ['a certificate that nobody knows', shows('99'), 'proxy'],
  ['one under the new root', shows('02'), undefined],
];

it.each(cases)('a proxy whose helper says that it shows %s', (_, shown, kind) => {
  const { holdUps } = movedKeys({ ...facts, shown });
  expect(holdUps.map((one) => [one.kind, one.who])).toEqual(kind === undefined ? [] : [[kind, node]]);
  expect(movedKeys({ ...facts, shown, phase: 'publish' }).holdUps).toEqual([]);
});

it('speaks only of those whose streams are here and whose keys are theirs', () => {
  for (const other of [
    { ...proxy, replica: 'b' },
    { ...proxy, state: 'held' },
    { node, spiffeId, state: 'connected' },
  ] as const)
    expect(movedKeys({ ...facts, proxies: [other], shown: () => undefined }).holdUps).toEqual([]);
});

it('waits for no key that was pushed to a proxy that has its own now, and for that of any other', () => {
  const serials = (proxies: Parameters<typeof movedKeys>[0]['proxies']): readonly string[] =>
    movedKeys({ ...facts, proxies, shown: shows('02') }).issued.map(({ serial }) => serial);
  expect(serials([proxy])).toEqual(['01', '02']);
  expect(serials([{ node, spiffeId, state: 'connected' }])).toEqual(['01', '02', '03']);
  expect(serials([{ ...proxy, state: 'held' }])).toEqual(['01', '02', '03']);
});
