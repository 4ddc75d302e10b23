// Which certificates end soon: said in time, with what to do, and not while all goes as it should.
import { describe, expect, it, test } from 'vitest';
import { runningOut } from '../../src/admin/running-out.ts';
import { formatControl } from '../../src/cli/output/format-control.ts';
import { planIssuers } from '../../src/identity/rotation.ts';
import { type Countdown, caKinds, certificateKinds } from '../../src/lib/countdown.ts';
import { createMetrics } from '../../src/observe/metrics.ts';

const day = 86_400_000;
const one = (kind: Countdown['kind'], lifeDays: number): Countdown => {
  return { kind, name: `my ${kind}`, notBefore: 0, notAfter: lifeDays * day };
};
const kinds = [...caKinds, ...certificateKinds];

describe('of a certificate that lasts for 90 days', () => {
  test.each(kinds)('nothing is said at half its life, and what to do before its end (%s)', (kind) => {
    expect(runningOut([one(kind, 90)], 45 * day)).toEqual([]);
    expect(runningOut([one(kind, 90)], 70 * day)).toEqual([
      { kind, name: `my ${kind}`, notAfter: 90 * day, hint: expect.stringMatching(/.{20}/) },
    ]);
  });

  test.each(['root', 'extra', 'legacy', 'foreign'] as const)('a third that is left is too little (%s)', (kind) => {
    expect(runningOut([one(kind, 90)], 60 * day - 1)).toEqual([]);
    expect(runningOut([one(kind, 90)], 60 * day + 1)).toHaveLength(1);
  });

  it('an intermediate that signs until its successor takes over is as it should be', () => {
    const validity = (from: number) => ({ notBefore: new Date(from), notAfter: new Date(from + 90 * day) });
    const issuers = [validity(0), validity(45 * day)];
    for (let at = 0; at < 90 * day; at += day / 4) {
      const { active } = planIssuers(issuers, at);
      if (active === undefined) throw new Error('none signs');
      const signs = { notBefore: active.notBefore.getTime(), notAfter: active.notAfter.getTime() };
      expect(runningOut([{ kind: 'intermediate', name: 'a', ...signs }], at)).toEqual([]);
    }
    expect(runningOut([one('intermediate', 90)], 68 * day)).toHaveLength(1);
  });
});

test('status names each, what ends first before the rest', () => {
  const now = 70 * day;
  const ending = runningOut([one('root', 100), one('admin', 60), one('server', 200)], now);
  const text = formatControl(
    {
      ...{ version: '1', ready: true, reasons: [], problems: [], startedAt: 0 },
      proxies: { connected: 0, held: 0, gone: 0, rejecting: 0 },
      runningOut: [...ending],
    },
    now,
  );
  expect(text).toMatch(/HAS ENDED +certificate of the admin port my admin ended 10d ago: renew the files of/);
  expect(text).toMatch(/ends soon +root my root ends in 30d: .*"cellwall ca rotate"/);
  expect(text).not.toContain('server certificate');
});

test('metrics count each down, and say how long it lasts', async () => {
  const metrics = createMetrics({ process: false });
  metrics.watchCa(
    () => ({ countdowns: [one('foreign', 90), one('server', 1)] }),
    () => 2 * day,
  );
  const text = await metrics.text();
  expect(text).toContain(`cellwall_ca_expires_in_seconds{kind="foreign",name="my foreign"} ${88 * 86_400}`);
  expect(text).toContain(`cellwall_ca_lifetime_seconds{kind="foreign",name="my foreign"} ${90 * 86_400}`);
  expect(text).toContain(`cellwall_certificate_expires_in_seconds{kind="server",name="my server"} -86400`);
  expect(text).toContain('cellwall_certificate_lifetime_seconds{kind="server",name="my server"} 86400');
  expect(text).not.toContain('cellwall_ca_expires_in_seconds{kind="server"');
});
