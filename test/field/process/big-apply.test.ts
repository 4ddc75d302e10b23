// Thousands of policies in one file, applied by the command as people run it, to a control plane with each store that people use.
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BigDocuments, bigDocuments, bigMesh } from '../../support/big-documents.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { type ServeProcess, startServeProcess } from '../../support/serve-process.ts';
import { startValkey, type Valkey } from '../../support/valkey.ts';

const bin = fileURLToPath(new URL('../../../bin/cellwall.cjs', import.meta.url));
const mebibyte = 1024 * 1024;

/** All over 1 MiB; in the long form about 3. */
const shapes: Readonly<Record<string, BigDocuments>> = {
  spread: qualifying
    ? { services: 100, policies: 3000, paths: 4, comment: 500 }
    : { services: 20, policies: 300, paths: 2, comment: 3500 },
  onOne: qualifying
    ? { services: 100, policies: 1500, paths: 20, onOne: true, comment: 200 }
    : { services: 20, policies: 200, paths: 5, onOne: true, comment: 5000 },
};

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

let valkey: Valkey;
let folder: string;

beforeAll(async () => {
  valkey = await startValkey();
  folder = mkdtempSync(join(tmpdir(), 'cellwall-big-'));
}, 60_000);
afterAll(async () => {
  await valkey?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function cellwall(serve: ServeProcess, ...args: readonly string[]): Promise<Ran> {
  const began = performance.now();
  const given = [...args, '--admin', serve.url, '--data', join(serve.folder, 'data')];
  return new Promise((resolve) => {
    execFile(process.execPath, [bin, ...given], { maxBuffer: 64 * mebibyte }, (failure, stdout, stderr) => {
      const code = failure === null ? 0 : Number(failure.code);
      resolve({ code, stdout, stderr, ms: performance.now() - began });
    });
  });
}

describe.each(['directory', 'redis'] as const)('%s', (store) => {
  const all = Object.entries(shapes);
  // One shape is enough for the second store in CI.
  it.each(qualifying || store === 'directory' ? all : all.slice(0, 1))(
    'policies: %s',
    async (name, shape) => {
      const text = bigDocuments(shape);
      expect(Buffer.byteLength(text)).toBeGreaterThan(mebibyte);
      const file = join(folder, `${name}.yaml`);
      writeFileSync(file, text);
      if (store === 'redis') await valkey.restart();
      const serve = await startServeProcess(bigMesh, store === 'redis' ? { redis: valkey.url } : {});
      try {
        const documents = shape.services + shape.policies + 1;
        const { revision } = await serve.admin.history().then(({ revisions: [last] }) => last ?? { revision: 1 });
        const applied = await cellwall(serve, 'apply', '-f', file);
        expect(applied).toMatchObject({ code: 0 });
        expect(applied.stdout).toContain(`revision ${revision + 1}`);
        figure(`${store}-${name}-applyMs`, Math.round(applied.ms));
        figure(`${store}-${name}-MiB`, Math.round((Buffer.byteLength(text) / mebibyte) * 10) / 10);
        // Every document is there, as it was written.
        const there = await serve.admin.documents();
        expect(there.documents).toHaveLength(documents + 1);
        const [texts, sent] = [new Set(there.documents.map((one) => one.text.trimEnd())), text.split('\n---\n')];
        expect(sent.filter((one) => !texts.has(one.trimEnd()))).toEqual([]);
        // Again is no change; one that is wrong changes nothing, and is told at its line.
        const again = await cellwall(serve, 'apply', '-f', file);
        expect(again.stdout).toContain('unchanged');
        figure(`${store}-${name}-againMs`, Math.round(again.ms));
        const wrong = join(folder, 'wrong.yaml');
        const line = text.split('\n').findLastIndex((one) => one.includes('action: allow')) + 1;
        writeFileSync(
          wrong,
          text
            .split('\n')
            .with(line - 1, '  action: alow')
            .join('\n'),
        );
        const refused = await cellwall(serve, 'apply', '-f', wrong);
        expect(refused.code).toBe(3);
        expect(refused.stderr + refused.stdout).toContain(`wrong.yaml:${line}:`);
        // A small change beside all that does not wait for them.
        const small = join(folder, 'small.yaml');
        writeFileSync(small, `${sent.at(-1)?.replaceAll('resource-0', 'resource-new')}\n`);
        const one = await cellwall(serve, 'apply', '-f', small);
        expect(one).toMatchObject({ code: 0 });
        figure(`${store}-${name}-oneMoreMs`, Math.round(one.ms));
        const { revisions } = await serve.admin.history();
        expect(revisions.slice(0, 2).map((item) => item.revision)).toEqual([revision + 2, revision + 1]);
        // Back, and all of it is gone: so much only on purpose.
        const to = ['rollback', '--to', String(revision)];
        expect((await cellwall(serve, ...to)).stderr).toContain('--confirm mass-deletion');
        const back = await cellwall(serve, ...to, '--confirm', 'mass-deletion');
        expect(back).toMatchObject({ code: 0 });
        expect((await serve.admin.documents()).documents).toHaveLength(1);
        if (store === 'directory') expect(readdirSync(join(serve.folder, 'documents'))).toEqual(['all.yaml']);
      } finally {
        await serve.stop();
      }
    },
    qualifying ? 600_000 : 120_000,
  );
});

it('a file is as large as a request may be, and no larger', async () => {
  const serve = await startServeProcess(bigMesh);
  try {
    const file = join(folder, 'huge.yaml');
    const fill = `# ${'x'.repeat(97)}\n`;
    writeFileSync(file, bigMesh + fill.repeat(((qualifying ? 15 : 2) * mebibyte) / fill.length));
    expect(await cellwall(serve, 'apply', '-f', file)).toMatchObject({ code: 0 });
    writeFileSync(file, bigMesh + fill.repeat((16 * mebibyte) / fill.length));
    const refused = await cellwall(serve, 'apply', '-f', file);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toMatch(/huge\.yaml is larger than 16 MiB/);
  } finally {
    await serve.stop();
  }
}, 120_000);
