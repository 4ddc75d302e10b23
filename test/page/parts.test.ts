// Parts of the page that are computed without a browser, and what holds of its sources and of what is built from them.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { layoutOf, nodeSize, shortened } from '../../page/src/map/layout.ts';
import { hrefOf, placeOf, views } from '../../page/src/route.ts';
import { relative, span } from '../../page/src/ui/time.ts';
import { windowOf } from '../../page/src/ui/virtual.ts';
import { buildPage, builtPage, firstLoadBytes } from '../../scripts/build-page.ts';
import { createPageFiles } from '../../src/admin/page/page-files.ts';
import type { MapEdge, MapService } from '../../src/admin/wire-map.ts';
import { figure } from '../support/figure.ts';
import { sourceFiles } from '../support/source-files.ts';

it('what is too long on the map is told apart by what differs: a SPIFFE ID by its end', () => {
  const fits = (text: string): boolean => text.length <= 12;
  expect(shortened('api', fits)).toBe('api');
  expect(shortened('a-service-of-long-name', fits)).toBe('a-service-o…');
  expect(shortened('spiffe://td1/unknown/stranger', fits)).toBe('…wn/stranger');
  expect(shortened('spiffe://td1/edge/http-router', fits)).toBe('…http-router');
  expect(shortened('x'.repeat(100), () => true)).toBe(`${'x'.repeat(60)}…`);
  expect(shortened('xy', () => false)).toBe('x…');
});

describe('a place', () => {
  it('is found again by its link, whatever a name contains', () => {
    fc.assert(
      fc.property(fc.constantFrom(...views), fc.string({ minLength: 1 }), fc.string(), (view, item, text) => {
        const query = text === '' ? {} : { caller: text };
        expect(placeOf(hrefOf(view, item, query))).toEqual({ view, item, query });
      }),
    );
  });

  it('that does not exist is the map', () => {
    expect(placeOf('')).toEqual({ view: 'map', query: {} });
    expect(placeOf('#/nowhere/%E0%A4%A')).toEqual({ view: 'map', item: '%E0%A4%A', query: {} });
  });
});

describe('the rows in sight', () => {
  it('cover what is seen, and with the room around them the whole table', () => {
    fc.assert(
      fc.property(
        fc.nat(10_000),
        fc.integer({ min: 1, max: 100 }),
        fc.nat(400_000),
        fc.nat(2000),
        (rows, px, top, height) => {
          const { from, to, above, below } = windowOf(rows, px, top, height);
          expect(above + (to - from) * px + below).toBe(rows * px);
          expect(to - from).toBeLessThanOrEqual(Math.ceil(height / px) + 24);
          const first = Math.floor(top / px);
          const last = Math.min(rows, Math.ceil((top + height) / px));
          if (first < rows && last > first) {
            expect(from).toBeLessThanOrEqual(first);
            expect(to).toBeGreaterThanOrEqual(last - 1);
          }
        },
      ),
    );
  });
});

describe('times', () => {
  it('are as people say them', () => {
    expect([0, 999, 1000, 59_000, 60_000, 3_600_000, 5_400_000, 90_000_000, 90_000_000 * 30].map(span)).toEqual([
      ...['0 s', '0 s', '1 s', '59 s', '1 min', '1 h', '1 h 30 min', '1 d 1 h', '31 d 6 h'],
    ]);
    expect([relative(1000, 61_000), relative(61_000, 1000), relative(5, 5)]).toEqual(['1 min ago', 'in 1 min', 'now']);
  });
});

const proxies = { connected: 1, held: 0, gone: 0, rejecting: 0, silent: 0 };
const service = (name: string, cell?: string): MapService => ({
  ...{ service: cell === undefined ? name : `${cell}/${name}`, name, spiffeId: `spiffe://td1/${name}`, mtls: 'strict' },
  ...{ ports: [], policies: [], proxies, source: { file: 'a', line: 1, column: 1 } },
  ...(cell === undefined ? {} : { cell }),
});
const edge = (from: string, to: string): MapEdge => ({
  ...{ from, to, declared: false, state: 'allowed', recent: true },
  ...{ allowed: 1, failed: 0, denied: 0, unproven: 0, wouldBeDenied: 0 },
});

describe('the map', () => {
  it('puts callers left of whom they call, cells apart, and nothing upon another', () => {
    const services = [service('web', 'a'), service('api', 'a'), service('db', 'b'), service('loop', 'b')];
    const { nodes, lanes } = layoutOf({
      services,
      edges: [
        edge('a/web', 'a/api'),
        edge('a/api', 'b/db'),
        edge('b/db', 'b/loop'),
        edge('b/loop', 'b/db'),
        edge('plaintext', 'a/web'),
      ],
    });
    const x = (id: string): number => nodes.find((node) => node.id === id)?.x ?? Number.NaN;
    expect(x('a/web')).toBeLessThan(x('a/api'));
    expect(lanes.map(({ label }) => label)).toEqual(['outside the mesh', 'a', 'b']);
    for (const one of nodes) {
      for (const other of nodes) {
        if (one === other) continue;
        const apart = Math.abs(one.x - other.x) >= nodeSize.width || Math.abs(one.y - other.y) >= nodeSize.height;
        expect(apart, `${one.id} ${other.id}`).toBe(true);
      }
    }
  });

  it('is laid out for 500 services with 5,000 edges, cycles among them, every edge drawn', () => {
    const services = Array.from({ length: 500 }, (_, at) => service(`s${at}`, `cell-${at % 10}`));
    const edges = Array.from({ length: 5000 }, (_, at) =>
      edge(`cell-${at % 10}/s${at % 500}`, services[(at * 7919) % 500]?.service ?? ''),
    );
    const { nodes, edges: drawn } = layoutOf({ services, edges });
    expect(nodes.length).toBeGreaterThanOrEqual(500);
    expect(drawn).toHaveLength(5000);
  });

  it.each([1, 10, 100])('of 500 services in %i cells is never a line: of the shape of a screen', (cells) => {
    const services = Array.from({ length: 500 }, (_, at) => service(`s${at}`, `cell-${at % cells}`));
    const key = (at: number): string => services[at % 500]?.service ?? '';
    // A chain through all of them, and calls to anywhere.
    const edges = services.flatMap((_, at) => [edge(key(at), key(at + 1)), edge(key(at), key(at * 7919))]);
    const { nodes, lanes, width, height } = layoutOf({ services, edges });
    expect(width / height).toBeGreaterThan(0.8);
    expect(width / height).toBeLessThan(4.5);
    expect(new Set(nodes.map(({ x, y }) => `${x} ${y}`)).size).toBe(nodes.length);
    for (const { x, y } of nodes) {
      const within = lanes.filter(
        (lane) => x > lane.x && x < lane.x + lane.width && y > lane.y && y < lane.y + lane.height,
      );
      expect(within).toHaveLength(1);
    }
  });

  it('of a few cells has callers left of whom they call across cells, too', () => {
    const { nodes } = layoutOf({
      services: [service('router'), service('web', 'a'), service('db', 'a')],
      edges: [edge('router', 'a/web'), edge('a/web', 'a/db')],
    });
    const x = (id: string): number => nodes.find((node) => node.id === id)?.x ?? Number.NaN;
    expect(x('router')).toBeLessThan(x('a/web'));
    expect(x('a/web')).toBeLessThan(x('a/db'));
  });
});

describe('the sources of the page', () => {
  const sources = sourceFiles(['page/src'], ['.ts', '.tsx']);

  it('write nothing into the document but text', () => {
    expect(sources.length).toBeGreaterThan(30);
    const forbidden =
      /dangerouslySetInnerHTML|\.(inner|outer)HTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser/;
    expect(sources.filter(({ text }) => forbidden.test(text)).map(({ path }) => path)).toEqual([]);
  });

  it('name no other host, and follow no address that they were given', () => {
    expect(sources.filter(({ text }) => /https?:\/\//.test(text)).map(({ path }) => path)).toEqual([]);
    const hrefs = sources.flatMap(({ path, text }) =>
      [...text.matchAll(/href=(\{[^}]*\}|"[^"]*")/g)].map(([, value = '']) => ({ path, value })),
    );
    expect(hrefs.length).toBeGreaterThan(20);
    const within = ({ value }: { readonly value: string }): boolean =>
      /^(\{(hrefOf|explainHref)\(|\{provider\.path\}|"#view")/.test(value);
    expect(hrefs.filter((href) => !within(href))).toEqual([]);
  });

  it('are files of 260 lines at most', () => {
    expect(sources.filter(({ text }) => text.split('\n').length > 261).map(({ path }) => path)).toEqual([]);
  });
});

describe('the built page', () => {
  beforeAll(() => buildPage().then(() => undefined));

  it('is loaded first with less than 150 kB, gzipped', () => {
    const bytes = firstLoadBytes();
    figure('firstLoadKB', Math.round(bytes / 1000));
    expect(bytes).toBeGreaterThan(10_000);
    expect(bytes).toBeLessThan(150_000);
  });

  it('has no script or style within, which its policy would refuse, and names nothing elsewhere', () => {
    const html = readFileSync(join(builtPage, 'index.html'), 'utf8');
    expect(html).not.toMatch(/<script(?![^>]*src=)|<style|\sstyle=|\son\w+=|https?:/);
    for (const name of readdirSync(join(builtPage, 'page')).filter(
      (one) => one.endsWith('.js') || one.endsWith('.css'),
    )) {
      const hosts = readFileSync(join(builtPage, 'page', name), 'utf8').match(/https?:\/\/[\w.-]+/g) ?? [];
      // Names of XML namespaces.
      expect(
        hosts.filter((host) => host !== 'http://www.w3.org'),
        name,
      ).toEqual([]);
    }
  });

  it('is served by exact names, with nothing else of its folder', () => {
    const files = createPageFiles(builtPage);
    expect(files.find('')?.mediaType).toBe('text/html; charset=utf-8');
    expect(files.find('page/icon.svg')).toMatchObject({ mediaType: 'image/svg+xml', lasting: false });
    const [script = ''] = readdirSync(join(builtPage, 'page')).filter((name) => name.endsWith('.js'));
    expect(files.find(`page/${script}`)?.lasting).toBe(true);
    expect(existsSync(join(builtPage, '.key'))).toBe(true);
    for (const path of ['.key', 'index.html', '../package.json', 'page', 'page/', '/'])
      expect(files.find(path), path).toBeUndefined();
  });
});
