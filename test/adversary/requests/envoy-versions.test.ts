// An Envoy that ignores a field is another wall than the one that was meant. Every Envoy that the docs name takes all of our resources
// and ignores nothing; an older one is not started, as the control shows why: its TCP service greets whom it refuses.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { oldestEnvoy } from '../../../src/lib/envoy-version.ts';
import { silentLog } from '../../../src/lib/log.ts';
import type { SpiffeId } from '../../../src/model/spiffe-id.ts';
import type { ServiceKey } from '../../../src/policy/ir.ts';
import { findEnvoy } from '../../../src/sidecar/envoy/envoy-binary.ts';
import { typeUrls } from '../../../src/xds/resources/type-url.ts';
import { type EchoApplication, startGreetingTcpEcho } from '../../support/echo-application.ts';
import { accepted, envoyOf, refused } from '../../support/envoy-versions.ts';
import { figure } from '../../support/figure.ts';
import { hear } from '../../support/hear.ts';
import { meshOf } from '../../support/resolve-text.ts';
import { createTestCa, type TestCa } from '../../support/test-ca.ts';
import { shapeOnFreePorts, startTranslatedProxy, type TranslatedProxy } from '../../support/translated-proxy.ts';
import { idOf, meshDocument, serviceDocument } from '../../translate/mesh-text.ts';
import { scenariosWith } from '../../translate/scenarios.ts';

let ca: TestCa;
let greeter: EchoApplication;
let folder: string;

beforeAll(async () => {
  ca = await createTestCa('mesh root');
  greeter = await startGreetingTcpEcho();
  folder = mkdtempSync(join(tmpdir(), 'cellwall-versions-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await greeter.stop();
});

/** Before a TCP service that no policy lets anybody call. */
async function startStrictTcp(binary: string): Promise<TranslatedProxy> {
  return startTranslatedProxy(
    {
      mesh: meshOf(meshDocument('strict') + serviceDocument('db', 'cell-1', '{protocol: tcp}')),
      endpoints: new Map(),
      bundles: { roots: ca.root, legacyAnchors: new Map() },
    },
    {
      spiffeId: idOf('db', 'cell-1') as SpiffeId,
      service: 'cell-1/db' as ServiceKey,
      ports: [{ name: 'default', inbound: { address: '127.0.0.1', port: 0 }, application: greeter }],
    },
    await ca.issue({ uri: idOf('db', 'cell-1') }),
    [],
    (resources) => resources,
    binary,
  );
}

async function unknownFields({ envoy }: TranslatedProxy): Promise<number> {
  const text = await (await fetch(`${envoy.admin}/stats?filter=^server.(dynamic|static)_unknown_fields$`)).text();
  return [...text.matchAll(/: (\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
}

describe.each(accepted)('Envoy %s', (version) => {
  test('takes every resource of ours, and ignores no field', async () => {
    const binary = await envoyOf(version);
    const legacy = await createTestCa('legacy root');
    let resources = 0;
    for (const { mesh, endpoints, shape } of Object.values(scenariosWith(legacy.root))) {
      const services = [...mesh.services.values()].map((service) => ({
        ...service,
        dependsOn: service.dependsOn.map((dependency) => ({ ...dependency, listen: 0 })),
      }));
      const proxy = await startTranslatedProxy(
        {
          mesh: { ...mesh, services: new Map(services.map((service) => [service.key, service])) },
          endpoints,
          bundles: { roots: ca.root, legacyAnchors: new Map([['old', legacy.root]]) },
        },
        shapeOnFreePorts(shape),
        await ca.issue({ uri: shape.spiffeId }),
        [],
        (all) => {
          resources += all.length;
          return all;
        },
        binary,
      );
      try {
        const types = shape.service === undefined ? [] : [typeUrls.cluster, typeUrls.listener];
        await vi.waitFor(
          () => {
            expect(proxy.ads.nacks).toEqual([]);
            for (const type of types) expect(proxy.ads.acked).toContain(type);
          },
          { timeout: 20_000 },
        );
        expect(await unknownFields(proxy)).toBe(0);
      } finally {
        await proxy.stop();
      }
    }
    figure(`resourcesTakenBy${version}`, resources);
  }, 180_000);

  test('greets nobody whom a TCP service refuses', async () => {
    const proxy = await startStrictTcp(await envoyOf(version));
    try {
      const port = await proxy.envoy.port('inbound');
      const stranger = await ca.issue({ uri: idOf('web', 'cell-1') });
      for (const say of [undefined, 'x']) expect(await hear({ port, tls: stranger, say })).toBe('');
      expect(await unknownFields(proxy)).toBe(0);
    } finally {
      await proxy.stop();
    }
  }, 60_000);
});

describe.each(refused)('Envoy %s', (version) => {
  test('is the control: it ignores a field, and greets whom the policy refuses', async () => {
    const proxy = await startStrictTcp(await envoyOf(version));
    try {
      const port = await proxy.envoy.port('inbound');
      const stranger = await ca.issue({ uri: idOf('web', 'cell-1') });
      expect(await hear({ port, tls: stranger, enough: 'hello\n' })).toBe('hello\n');
      expect(await unknownFields(proxy)).toBeGreaterThan(0);
    } finally {
      await proxy.stop();
    }
  }, 60_000);

  test('is not started', async () => {
    const path = await envoyOf(version);
    await expect(findEnvoy({ env: {}, log: silentLog, path })).rejects.toThrow(`Envoy ${version} (${path}) is too old`);
  });
});

describe('a program that is to be Envoy', () => {
  const program = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, `#!/bin/sh\n${text}\n`);
    chmodSync(path, 0o755);
    return path;
  };
  const says = (version: string): string => `echo; echo "$0  version: 0a1b2c/${version}/Clean/RELEASE/BoringSSL"; echo`;
  const find = (path: string) => findEnvoy({ env: {}, log: silentLog, path, fetch: false });

  test.each(['1.36.2', '1.38.4', '1.39.0', '1.9.0'])(
    'of version %s is refused, and told which is needed',
    async (version) => {
      await expect(find(program('old', says(version)))).rejects.toThrow(
        `is too old: ${oldestEnvoy} or newer is needed`,
      );
    },
  );

  test.each(['1.39.1', '1.40.0', '1.41.3', '2.0.0', '1.41.0-dev'])('of version %s is taken', async (version) => {
    const path = program('new', says(version));
    expect(await find(path)).toBe(path);
  });

  test.each([
    ['says nothing', 'exit 0'],
    ['says something else', 'echo Python 3.11'],
    ['fails', 'exit 1'],
    ['fails after a version', `${says('1.40.0')}; exit 1`],
    ['prints without end', 'yes'],
  ])('that %s is refused', async (_what, text) => {
    await expect(find(program('other', text))).rejects.toThrow('does not say that it is Envoy');
  });

  test('on the PATH is asked as well', async () => {
    program('envoy', says('1.36.2'));
    await expect(findEnvoy({ env: { PATH: folder }, log: silentLog, fetch: false })).rejects.toThrow('is too old');
  });
});
