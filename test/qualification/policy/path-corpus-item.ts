// Ways to write a path, sent at a real Envoy with a real application behind it: what `explain` refuses never arrives, and what
// arrives is for no application's reading of it a path that is refused, whether by no allow rule or by a deny rule.

import { explain } from '../../../src/policy/decide/explain.ts';
import type { MeshIr, ServiceKey } from '../../../src/policy/ir.ts';
import { meshOf, meshText, policyText, serviceText, yaml } from '../../support/resolve-text.ts';
import { createTestCa } from '../../support/test-ca.ts';
import { startTranslatedProxy } from '../../support/translated-proxy.ts';
import type { Item } from '../item.ts';
import { startEchoOfPaths } from './echo-of-paths.ts';
import { pathCorpus } from './path-corpus.ts';
import { readings } from './path-readings.ts';

const least = 2000;

export const pathCorpusItem: Item = {
  name: 'path-corpus',
  line:
    'spellings of paths (escapes, `//`, `/./`, `%2f`, `;`, `..;`, case) sent to a real Envoy in front of a real ' +
    'application',
  bound:
    `of ≥ ${least} requests none reaches a handler that \`explain\` refuses, by any of ${readings.length} readings ` +
    'of a path; explain and Envoy agree on each',
  async run({ progress, defer }) {
    const application = await startEchoOfPaths();
    defer(() => application.stop());
    const ca = await createTestCa();
    const figures = { requests: 0, arrived: 0, refused: 0, apart: 0, escaped: 0 };
    const faults: string[] = [];
    for (const [slashes, reads] of settings) {
      const mesh = corpusMesh(slashes, reads);
      const service = mesh.services.get(key);
      if (service === undefined) throw new Error('no service');
      const proxy = await startTranslatedProxy(
        { mesh, endpoints: new Map(), bundles: { roots: ca.root, legacyAnchors: new Map() } },
        {
          spiffeId: service.spiffeId,
          service: key,
          ports: [
            {
              name: 'default',
              inbound: { address: '127.0.0.1', port: 0 },
              application: { address: '127.0.0.1', port: application.port },
            },
          ],
        },
        await ca.issue({ uri: service.spiffeId }),
      );
      defer(() => proxy.stop());
      const port = await proxy.envoy.port('inbound');
      await application.until(port, '/public');
      for (const path of pathCorpus) {
        const arrived = await application.send(port, path);
        figures.requests++;
        figures[arrived === undefined ? 'refused' : 'arrived']++;
        if ((arrived !== undefined) !== allowed(mesh, path)) {
          figures.apart++;
          faults.push(`${slashes} ${path}: explain ${allowed(mesh, path)}, arrived ${arrived}`);
        }
        if (arrived === undefined) continue;
        for (const { name, read } of readings) {
          const handler = read(arrived, reads);
          // A ";" that is left is one of a name: written so that explain takes it for one.
          if (allowed(mesh, handler.replaceAll(';', '%3b'))) continue;
          figures.escaped++;
          faults.push(`${slashes}, read as ${reads} ${path}: arrived as ${arrived}, ${name} reads ${handler}`);
        }
      }
    }
    for (const fault of faults.slice(0, 20)) progress(fault);
    const ok = figures.requests >= least && figures.arrived > 0 && figures.apart === 0 && figures.escaped === 0;
    return { ok, figures };
  },
};

const key = 'files' as ServiceKey;

/** Of the service; and what its application makes of an escaped slash that it was sent. */
const settings = [
  ['reject', 'reject'],
  ['keep', 'keep'],
  ['keep', 'reject'],
] as const;

function allowed(mesh: MeshIr, path: string): boolean {
  const caller = { kind: 'anonymous', via: 'plaintext' } as const;
  return explain(mesh, { target: key, caller, path }).decision.outcome === 'allowed';
}

/** Anonymous, so that what is measured is paths. A list of what is allowed, and a hole in it. */
function corpusMesh(slashes: 'reject' | 'keep', reads: 'reject' | 'keep'): MeshIr {
  // An allowed template is for applications that take an escaped slash for a part of its segment; a deny rule for all of them.
  const template = slashes === reads ? ', {path: {template: "/items/{id}/name"}}' : '';
  const who = 'from: [{anonymous: true}]';
  return meshOf(
    yaml(
      meshText('permissive'),
      serviceText('files', 'http1', `, paths: {escapedSlashes: ${slashes}}`),
      policyText('allow', 'files', 'allow', `[{${who}, to: [{path: {prefix: /public}}${template}]}]`),
      policyText(
        'deny',
        'files',
        'deny',
        `[{${who}, to: [{path: {prefix: /public/secret}}, {path: {exact: "/public/a+b"}}, {path: {template: "/public/{id}/b"}}]}]`,
      ),
    ),
  );
}
