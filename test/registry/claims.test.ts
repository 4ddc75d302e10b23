import { describe, expect, it } from 'vitest';
import { mayAdvertise, parseClaims, reachable } from '../../src/registry/claims.ts';

describe('claims', () => {
  it('reads addresses, IPv4 and IPv6', () => {
    expect(parseClaims({ cellwall: { inbound: '10.0.0.5:8443', application: '[::1]:8080' } })).toEqual({
      inbound: { address: '10.0.0.5', port: 8443 },
      application: { address: '::1', port: 8080 },
    });
    expect(parseClaims({})).toEqual({});
  });

  it('knows a proxy without ADS, in the two variants that there are', () => {
    expect(parseClaims({ cellwall: { singleServices: 'sotw' } })).toEqual({ singleServices: 'sotw' });
    expect(() => parseClaims({ cellwall: { singleServices: 'ads' } })).toThrow(
      /node\.metadata\.cellwall\.singleServices/,
    );
  });

  it.each(['host:80', '10.0.0.5', '10.0.0.5:0', '10.0.0.5:70000', '999.0.0.1:80', '', 7, null])(
    'refuses %j',
    (inbound) => {
      expect(() => parseClaims({ cellwall: { inbound } })).toThrow(/node\.metadata\.cellwall\.inbound/);
    },
  );

  it('reads the socket of an application, and refuses one that is none', () => {
    const application = 'unix:/run/app/app.sock';
    expect(parseClaims({ cellwall: { application } })).toEqual({ application: { path: '/run/app/app.sock' } });
    for (const bad of ['unix:app.sock', 'unix:@app', 'unix:/run/../app', `unix:/${'a'.repeat(200)}`, '/run/app', 7]) {
      expect(() => parseClaims({ cellwall: { application: bad } })).toThrow(
        'node.metadata.cellwall.application: neither "address:port" nor "unix:/path"',
      );
    }
    // Callers do not share its host.
    expect(() => parseClaims({ cellwall: { inbound: application } })).toThrow(/inbound/);
  });

  it('lets a proxy register the address it connects from, and no other', () => {
    expect(mayAdvertise({ address: '10.0.0.5', port: 1 }, '10.0.0.5', undefined)).toBe(true);
    expect(mayAdvertise({ address: '10.0.0.5', port: 1 }, '::ffff:10.0.0.5', undefined)).toBe(true);
    expect(mayAdvertise({ address: '127.0.0.2', port: 1 }, '127.0.0.1', undefined)).toBe(true);
    expect(mayAdvertise({ address: '10.0.0.6', port: 1 }, '10.0.0.5', undefined)).toBe(false);
    expect(mayAdvertise({ address: '10.0.0.5', port: 1 }, '127.0.0.1', undefined)).toBe(false);
  });

  it('goes by the Workload document where there is one', () => {
    const rule = { addresses: ['10.1.0.0/16', '10.2.0.9'], ports: [8443] };
    expect(mayAdvertise({ address: '10.1.2.3', port: 8443 }, '10.0.0.1', rule)).toBe(true);
    expect(mayAdvertise({ address: '10.2.0.9', port: 8443 }, '10.0.0.1', rule)).toBe(true);
    expect(mayAdvertise({ address: '10.1.2.3', port: 80 }, '10.0.0.1', rule)).toBe(false);
    expect(mayAdvertise({ address: '10.0.0.1', port: 8443 }, '10.0.0.1', rule)).toBe(false);
  });

  it('takes "every address" for the one it connects from', () => {
    expect(reachable({ address: '0.0.0.0', port: 15443 }, '::ffff:10.0.0.5')).toEqual({
      address: '10.0.0.5',
      port: 15443,
    });
    expect(reachable({ address: '::', port: 15443 }, 'fd00::5')).toEqual({ address: 'fd00::5', port: 15443 });
    expect(reachable({ address: '127.0.0.1', port: 1 }, '10.0.0.5')).toEqual({ address: '127.0.0.1', port: 1 });
    expect(reachable({ address: '::1', port: 1 }, '10.0.0.5')).toEqual({ address: '::1', port: 1 });
  });
});
